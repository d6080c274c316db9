import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { readValue } from "../../src/entry/value.js";
import {
  decodeEntry,
  decodeHeadFromTail,
  decodeRow,
  type EntryRow,
  encodeEntry,
  encodeRow,
} from "../../src/entry/wire.js";
import { EntryUnreadableError } from "../../src/errors.js";
import golden from "../golden/entries.json" with { type: "json" };
import { errorOf } from "../helpers/errors.js";

const REF = "calculator:0123456789abcdef";
const first = golden[0];
if (first === undefined) throw new Error("no golden entries");
const whole = JSON.parse(first.redis_value);
const text = (change: object) => JSON.stringify({ ...whole, ...change });
const without = (member: string) =>
  JSON.stringify(Object.fromEntries(Object.entries(whole).filter(([key]) => key !== member)));

describe.each(golden.map((entry) => [entry.title, entry] as const))("golden: %s", (_title, entry) => {
  test("reads from Redis and from SQLite as the same entry", () => {
    const fromRedis = decodeEntry(REF, entry.redis_value);
    expect(decodeRow(REF, entry.sqlite_row)).toEqual(fromRedis);
    expect(fromRedis.json).toBe(entry.sqlite_row.value_json);
    expect(fromRedis.createdAt).toBe(4102444800_500);
  });

  test("is written back value for value", () => {
    const read = decodeEntry(REF, entry.redis_value);
    expect(encodeEntry(read)).toBe(compact(entry.redis_value));
    const row = encodeRow(read);
    expect(row).toEqual({
      ...(({ key: _key, ...columns }) => columns)(entry.sqlite_row),
      policy_json: compact(entry.sqlite_row.policy_json),
      metadata_json: expect.any(String),
    });
    expect(JSON.parse(row.metadata_json)).toEqual(JSON.parse(entry.sqlite_row.metadata_json));
  });

  test("its head is read from its tail alone", () => {
    const { json, ...head } = decodeEntry(REF, entry.redis_value);
    expect(decodeHeadFromTail(entry.redis_value.slice(-600))).toEqual(head);
  });
});

/** What differs between the languages in writing, and only that: separators, and the order inside metadata. */
function compact(pythonJson: string): string {
  const outside = pythonJson
    .split(/("(?:[^"\\]|\\.)*")/)
    .map((part, index) => (index % 2 ? part : part.replace(/([,:]) /g, "$1")));
  const joined = outside.join("");
  const value = /^\{"value":/.test(joined) ? joined.slice(9, joined.lastIndexOf(',"namespace":')) : undefined;
  if (value === undefined) return joined;
  const original = pythonJson.slice('{"value": '.length, pythonJson.lastIndexOf(', "namespace"'));
  const tail = joined.slice(joined.lastIndexOf(',"namespace":'));
  return `{"value":${original}${tail.replace(/"metadata":(\{.*?\})\}$/, (_all, metadata) => `"metadata":${ordered(metadata)}}`)}`;
}

function ordered(metadata: string): string {
  const { tool_name, total_items, total_size, ...other } = JSON.parse(metadata);
  return JSON.stringify({ ...other, tool_name, total_items, total_size });
}

describe("accepts", () => {
  test.each<[string, string, unknown]>([
    [
      "members between value and namespace",
      `{"value":[1],"extra":2,${JSON.stringify(whole).slice(JSON.stringify(whole).indexOf('"namespace"'))}`,
      [1],
    ],
    [
      "value at the end",
      JSON.stringify({
        namespace: "n",
        policy: whole.policy,
        created_at: 1,
        expires_at: null,
        value: { a: 1 },
      }),
      { a: 1 },
    ],
    ["a missing metadata", without("metadata"), [2, 3, 5, 7, 11]],
    [
      "integral floats as permissions",
      JSON.stringify(whole).replace('"user_permissions":31', '"user_permissions":31.0'),
      [2, 3, 5, 7, 11],
    ],
    [
      "unknown members everywhere",
      text({ format: 2, policy: { ...whole.policy, extra: 1 } }),
      [2, 3, 5, 7, 11],
    ],
    [
      "a duplicate value, the last wins",
      `{"value":1,"value":2,${JSON.stringify(whole).slice(JSON.stringify(whole).indexOf('"namespace"'))}`,
      2,
    ],
    [
      "namespace and policy inside the value",
      text({ value: { namespace: "x", policy: {} } }),
      { namespace: "x", policy: {} },
    ],
    [
      "a namespace inside metadata",
      text({ metadata: { namespace: "deep", total_size: 3 } }),
      [2, 3, 5, 7, 11],
    ],
    [
      "NaN inside metadata",
      text({ metadata: {} }).replace('"metadata":{}', '"metadata":{"score":NaN}'),
      [2, 3, 5, 7, 11],
    ],
  ])("%s", (_name, entry, value) => {
    const read = decodeEntry(REF, entry);
    expect(readValue(REF, read)).toEqual(value);
    expect(read.policy).toMatchObject({ userPermissions: 31, agentPermissions: 17, owner: null });
  });

  test("metadata members of other writers pass through", () => {
    const read = decodeEntry(REF, text({ metadata: { tool_name: "slow", async_completed: true } }));
    expect(JSON.parse(encodeEntry(read)).metadata).toEqual({
      async_completed: true,
      tool_name: "slow",
      total_items: null,
      total_size: null,
    });
  });
});

describe("refuses, closed rather than open", () => {
  const policy = (change: object) => text({ policy: { ...whole.policy, ...change } });
  const camel = {
    userPermissions: 31,
    agentPermissions: 17,
    owner: null,
    ownerPermissions: 31,
    allowedActors: null,
    deniedActors: null,
    boundSession: null,
  };
  test.each<[string, string]>([
    ["no JSON", "not json, secret-canary"],
    ["no object", '["secret-canary"]'],
    ["an empty text", ""],
    ["a missing value", without("value")],
    ["a missing namespace", without("namespace")],
    ["a missing policy", without("policy")],
    ["a missing created_at", without("created_at")],
    ["a missing expires_at", without("expires_at")],
    ["policy: null", text({ policy: null })],
    ["a policy in camelCase", text({ policy: camel })],
    ["a policy with a member missing", policy({ agent_permissions: undefined })],
    ["a permission above 31", policy({ user_permissions: 32 })],
    ["a negative permission", policy({ agent_permissions: -1 })],
    ["half a permission", policy({ agent_permissions: 1.5 })],
    ["a permission as text", policy({ agent_permissions: "17" })],
    ["a permission of null", policy({ owner_permissions: null })],
    ["a text as an actor list", policy({ allowed_actors: "agent:*" })],
    ["a number in an actor list", policy({ denied_actors: [1] })],
    ["a number as owner", policy({ owner: 1 })],
    ["a text as a time", text({ expires_at: "tomorrow" })],
    ["a time of NaN", text({ created_at: 1 }).replace('"created_at":1', '"created_at":NaN')],
    ["namespace: null", text({ namespace: null })],
  ])("%s", async (_name, entry) => {
    const error = await errorOf(() => decodeEntry(REF, entry));
    expect(error).toBeInstanceOf(EntryUnreadableError);
    expect(error).toMatchObject({ code: "entry_unreadable", refId: REF });
    expect(error.message).toContain("calculator:0123…");
    expect(inspect(error, { depth: Infinity })).not.toMatch(/secret-canary|0123456789abcdef/);
  });

  test("broken columns of a row", () => {
    const row: EntryRow = first.sqlite_row;
    for (const change of [
      { policy_json: "{" },
      { policy_json: "null" },
      { metadata_json: "x" },
      { namespace: null as never },
      { value_json: Buffer.from("1") as never },
    ]) {
      expect(() => decodeRow(REF, { ...row, ...change })).toThrow(EntryUnreadableError);
    }
  });

  test("a value that is no JSON, when it is read", async () => {
    const entry = decodeRow(REF, { ...first.sqlite_row, value_json: "secret-canary" });
    const error = await errorOf(() => readValue(REF, entry));
    expect(error).toBeInstanceOf(EntryUnreadableError);
    expect(inspect(error, { depth: Infinity })).not.toContain("secret-canary");
  });

  test("a tail that is too short, or of something else", () => {
    for (const tail of ["", "}}", '"namespace"', first.redis_value.slice(-100)]) {
      expect(decodeHeadFromTail(tail)).toBeUndefined();
    }
  });
});

import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { makeKeyring } from "../../src/at-rest/options.js";
import { Protection } from "../../src/at-rest/protection.js";
import { decodeEntry, decodeRow, encodeEntry, encodeRow } from "../../src/entry/wire.js";
import { type Entry, RefCache } from "../../src/index.js";
import { asServer } from "../helpers/actors.js";
import { temporaryFolder } from "../helpers/folders.js";
import { encryption } from "../helpers/keys.js";
import { recordingLogger } from "../helpers/recording-logger.js";
import { sqlite } from "../helpers/sqlite.js";

const REF = "calc:0123456789abcdef0123456789abcdef";
const exactJson = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    fc.string({ unit: "binary" }),
    fc.double(),
    fc.bigInt(),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie("value")),
    fc.dictionary(fc.string(), tie("value")),
  ),
})).value;
/** What is read back: a bigint as a number where that is exact. */
const stored = (value: unknown): unknown => {
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  if (Array.isArray(value)) return value.map(stored);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, stored(member)]));
};

test.each(["encrypted", "plain"])("any value comes back as it was, %s", async (how) => {
  const backend = sqlite(join(temporaryFolder(), "cache.db"));
  const cache = new RefCache({
    name: "calc",
    backend,
    ...(how === "encrypted" ? { encryption: encryption() } : {}),
  });
  await fc.assert(
    fc.asyncProperty(exactJson, async (value) => {
      const { refId } = await cache.set("k", value);
      expect(await cache.resolve(refId, asServer)).toStrictEqual(stored(value));
    }),
  );
});

const text = fc.string({ unit: "binary" });
const permission = fc.integer({ min: 0, max: 31 });
const actors = fc.option(fc.array(text));
const entries: fc.Arbitrary<Entry> = fc.record({
  json: exactJson.map((value) => JSON.stringify(value, (_, part) => (typeof part === "bigint" ? 1 : part))),
  namespace: text,
  policy: fc.record({
    userPermissions: permission,
    agentPermissions: permission,
    owner: fc.option(text),
    ownerPermissions: permission,
    allowedActors: actors,
    deniedActors: actors,
    boundSession: fc.option(text),
  }),
  createdAt: fc.double({ min: 0, max: 8e15, noNaN: true }),
  expiresAt: fc.option(fc.double({ min: 0, max: 8e15, noNaN: true })),
  metadata: fc.record(
    {
      toolName: fc.option(text),
      totalItems: fc.option(fc.nat()),
      totalSize: fc.option(fc.nat()),
      strictJson: fc.boolean(),
    },
    { requiredKeys: ["toolName", "totalItems", "totalSize"] },
  ),
});

test.each(["encrypted", "plain"])("any entry survives both wire forms, %s", async (how) => {
  const logger = recordingLogger();
  const keyring = how === "encrypted" ? makeKeyring(encryption()) : undefined;
  const protection = new Protection(keyring, logger);
  await fc.assert(
    fc.asyncProperty(entries, async (entry) => {
      const sealed = await protection.seal(REF, entry);
      for (const read of [decodeEntry(REF, encodeEntry(sealed)), decodeRow(REF, encodeRow(sealed))]) {
        const opened = await protection.open(REF, read);
        expect(opened?.json).toBe(entry.json);
        expect(opened?.metadata).toEqual(entry.metadata);
      }
    }),
  );
  expect(logger.lines).toEqual([]);
});

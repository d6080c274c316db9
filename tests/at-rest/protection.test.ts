import { expect, test } from "vitest";
import { makeKeyring } from "../../src/at-rest/options.js";
import { Protection } from "../../src/at-rest/protection.js";
import { decodeRow, encodeRow } from "../../src/entry/wire.js";
import { DecryptionError } from "../../src/errors.js";
import { toErrorResult } from "../../src/fastmcp/results.js";
import { entry, reference } from "../helpers/entries.js";
import { encryption } from "../helpers/keys.js";
import { recordingLogger } from "../helpers/recording-logger.js";

const REF = reference(1);
const logger = recordingLogger();
const protections: [string, Protection][] = [
  ["encrypted", new Protection(makeKeyring(encryption()), logger)],
  ["plain", new Protection(undefined, logger)],
];

/** The first does not come back from seconds as it was, the second falls on the other side of the half. */
const TIMES = [2_147_483_687_877, 2_147_484_648_085.5];

test.each(protections)("times that seconds cannot hold do not matter, %s", async (_how, protection) => {
  for (const time of TIMES) {
    const sealed = await protection.seal(REF, { ...entry(), createdAt: time, expiresAt: time });
    const row = encodeRow(sealed);
    expect(row.created_at * 1000 !== sealed.createdAt || sealed.createdAt !== time).toBe(true);
    const opened = await protection.open(REF, decodeRow(REF, row));
    expect(Math.round(opened?.expiresAt ?? 0)).toBe(Math.round(time));
  }
});

test.each(protections)(
  "a policy that is changed after a sealing is sealed as it is then, %s",
  async (_how, protection) => {
    const wish = entry({ policy: { allowedActors: ["user:a"] } });
    protection.seal(REF, wish);
    const actors = wish.policy.allowedActors as string[];
    actors.push("user:b");
    Object.freeze(wish.policy); // the list is not
    protection.seal(REF, wish);
    actors.push("user:c");
    const opened = await protection.open(REF, decodeRow(REF, encodeRow(await protection.seal(REF, wish))));
    expect(opened?.policy.allowedActors).toEqual(["user:a", "user:b", "user:c"]);
  },
);

test("the operator of a server is told what its callers are told", () => {
  const told = recordingLogger();
  const error = new DecryptionError(REF, 'the key "k1" is missing.');
  expect(toErrorResult(error, "load", told)).toMatchObject({
    isError: true,
    _meta: { code: "decryption_failed" },
  });
  expect(told.lines).toEqual([error.message]);
});

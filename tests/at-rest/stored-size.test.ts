import { expect, test, vi } from "vitest";
import { makeKeyring } from "../../src/at-rest/options.js";
import { Protection } from "../../src/at-rest/protection.js";
import { decodeEntry, encodeEntry } from "../../src/entry/wire.js";
import { MemoryBackend } from "../../src/index.js";
import { entry, reference } from "../helpers/entries.js";
import { encryption } from "../helpers/keys.js";
import { recordingLogger } from "../helpers/recording-logger.js";

const REF = reference(1);
const protection = new Protection(makeKeyring(encryption()), recordingLogger());

test("reading an encrypted entry parses its head and nothing of its text", async () => {
  const large = entry({ value: "x".repeat(1_000_000) });
  const text = encodeEntry(await protection.seal(REF, large));
  const parse = vi.spyOn(JSON, "parse");
  const opened = await protection.open(REF, decodeEntry(REF, text));
  const longest = Math.max(...parse.mock.calls.map(([parsed]) => parsed.length));
  parse.mockRestore();
  expect(opened).toEqual(large);
  expect(longest).toBeLessThan(2000);
});

test("a store in memory counts an encrypted text by its own size", async () => {
  const sealed = await protection.seal(REF, entry({ value: "é".repeat(3000) }));
  const backend = new MemoryBackend({ maxBytes: sealed.json.length + 512 });
  await backend.set(REF, sealed);
  expect((await protection.open(REF, (await backend.get(REF)) ?? sealed))?.json).toContain("é");
  await backend.close();
});

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BlockCipher, newSalt } from "../../../src/at-rest/blocks/cipher.js";
import { type BlockForm, mapBlocks, readBeginning, spanOf } from "../../../src/at-rest/blocks/form.js";
import { readingBlocks } from "../../../src/at-rest/blocks/ranges.js";
import { readBlocks } from "../../../src/at-rest/blocks/reader.js";
import { BlockWriter } from "../../../src/at-rest/blocks/writer.js";
import { Key } from "../../../src/at-rest/cipher.js";
import { atOnce } from "../../../src/in-turns.js";
import type { BlockMap } from "../../../src/outline/outline.js";
import { TextChangedError } from "../../../src/outline/stored-text.js";
import { supportedCodecs } from "../../helpers/codecs.js";
import { key } from "../../helpers/keys.js";

const KEY = new Key(key(1));

interface Written {
  readonly json: string;
  readonly form: BlockForm;
  readonly bytes: number;
}

function formFor(codec: string, blockBytes: number, isEncrypted: boolean): BlockForm {
  return { codec, blockBytes, ...(isEncrypted ? { keyId: "k1", salt: newSalt() } : {}) };
}

const cipherFor = (form: BlockForm) =>
  form.keyId === undefined ? undefined : BlockCipher.ofBlocks(KEY, form);

/** Writes a text in blocks, in pieces that end after so many bytes, whatever is cut there. */
function write(text: Uint8Array, form: BlockForm, cuts: readonly number[] = []): Written {
  const writer = new BlockWriter(form, cipherFor(form));
  const ends = [...cuts.filter((cut) => cut < text.length).sort((a, b) => a - b), text.length];
  const pieces = ends.flatMap((end, n) => writer.push(text.subarray(ends[n - 1] ?? 0, end)));
  const json = Buffer.concat([...pieces, ...writer.end()]).toString();
  return { json, form, bytes: text.length };
}

function read(json: string, { bytes }: Pick<Written, "bytes">): string | undefined {
  const form = readBeginning(json);
  return form && atOnce(readBlocks(json, { form, cipher: cipherFor(form), bytes }))?.text;
}

function mapOf({ json, form }: Written): BlockMap {
  const starts = atOnce(mapBlocks(json, readBeginning(json)?.at ?? 0));
  return { ...form, starts: starts ?? new Uint32Array() };
}

/** The blocks themselves, and what stands around them. */
function taken({ json, ...written }: Written): { blocks: string[]; join: (blocks: string[]) => string } {
  const { starts } = mapOf({ json, ...written });
  const spans = Array.from({ length: starts.length - 1 }, (_, n) => spanOf(starts, n));
  const [before, after] = [json.slice(0, spans[0]?.from), json.slice(spans.at(-1)?.to)];
  return {
    blocks: spans.map(({ from, to }) => json.slice(from, to)),
    join: (blocks) => before + blocks.join('","') + after,
  };
}

const anyForm = fc.record({
  codec: fc.constantFrom("none", ...supportedCodecs),
  isEncrypted: fc.boolean(),
  blockBytes: fc.constantFrom(1, 7, 16, 64, 100),
});
/** Texts with characters of one to four bytes, some of which repeat, of some blocks or a byte more or less. */
const anyText = fc.oneof(
  fc.string({ unit: "binary", maxLength: 300 }),
  fc
    .tuple(fc.constantFrom("a", "é", "日", "🙂", "ab日"), fc.nat(120))
    .map(([text, times]) => text.repeat(times)),
  fc
    .tuple(fc.nat(5), fc.integer({ min: -1, max: 1 }))
    .map(([n, more]) => "x".repeat(Math.max(0, n * 16 + more))),
);

describe("a text in blocks", () => {
  test("comes back as it was, in whatever pieces it was written", () => {
    fc.assert(
      fc.property(anyText, anyForm, fc.array(fc.nat(300)), (text, wish, cuts) => {
        const form = formFor(wish.codec, wish.blockBytes, wish.isEncrypted);
        const bytes = Buffer.from(text);
        const written = write(bytes, form, cuts);
        expect(read(written.json, written)).toBe(bytes.toString());
        if (wish.isEncrypted) return;
        expect(written.json).toBe(write(bytes, form).json);
      }),
      { numRuns: 500 },
    );
  });

  test("is JSON that says what it is, and by its ranges the same text", async () => {
    await fc.assert(
      fc.asyncProperty(
        anyText,
        anyForm,
        fc.array(fc.tuple(fc.nat(300), fc.nat(60))),
        async (text, wish, asked) => {
          const bytes = Buffer.from(text);
          const written = write(bytes, formFor(wish.codec, wish.blockBytes, wish.isEncrypted));
          expect(JSON.parse(written.json)).toMatchObject({
            mcp_refcache_blocks: 1,
            note: expect.any(String),
          });
          const stored = Buffer.from(written.json);
          const reading = readingBlocks(mapOf(written), cipherFor(written.form), async (ranges) =>
            ranges.map(({ from, to }) => stored.subarray(from, to)),
          );
          const ranges = asked
            .map(([from, length]) => ({ from, to: Math.min(from + length, bytes.length) }))
            .filter(({ from, to }) => from < to);
          const parts = await reading(ranges);
          expect(parts?.map((part) => Buffer.from(part).toString("latin1"))).toEqual(
            ranges.map(({ from, to }) => bytes.toString("latin1", from, to)),
          );
        },
      ),
      { numRuns: 300 },
    );
  });

  test("is read where others have put blanks between", () => {
    const written = write(Buffer.from("a text of some blocks"), formFor("none", 4, true));
    const spaced = JSON.stringify(JSON.parse(written.json), null, 2);
    expect(read(spaced, written)).toBe("a text of some blocks");
    expect(atOnce(mapBlocks(spaced, readBeginning(spaced)?.at ?? 0))).toBeUndefined();
  });

  test.each(supportedCodecs)("blocks that %s does not make smaller are kept as they are", (codec) => {
    const noise = Buffer.from(Array.from({ length: 300 }, (_, n) => (n * n * 7919) % 251));
    const written = write(noise, formFor(codec, 100, false));
    const [first = ""] = taken(written).blocks;
    expect(Buffer.from(first, "base64")[0]).toBe(0);
    expect(Buffer.from(first, "base64").subarray(1)).toEqual(noise.subarray(0, 100));
  });
});

describe("an encrypted text in blocks", () => {
  const text = "0123456789".repeat(10);
  const make = (codec = "none") => write(Buffer.from(text), formFor(codec, 16, true));

  test("is nothing once any byte of it was changed", () => {
    const written = make("gzip");
    const blank = /[\s]/;
    for (let at = 0; at < written.json.length; at++) {
      const former = written.json.charAt(at);
      const changed = `${written.json.slice(0, at)}${former === "A" ? "B" : "A"}${written.json.slice(at + 1)}`;
      const isNote = at > written.json.indexOf('"note"') && at < written.json.indexOf('"codec"');
      const isKeyId = at > written.json.indexOf('"key_id"') && at < written.json.indexOf('"salt"');
      if (isNote || isKeyId || blank.test(former)) continue; // for people, and found by its name
      const base64End = /={1,2}$/.test(
        written.json
          .slice(0, at + 2)
          .split('"')
          .at(-1) ?? "",
      );
      if (base64End) continue; // bits that base64 does not use
      expect(read(changed, written), `${at}: ${former}`).toBeUndefined();
    }
  });

  test("is nothing once blocks were swapped, doubled, cut, or come from elsewhere", () => {
    const written = make();
    const { blocks, join } = taken(written);
    const other = taken(make()).blocks;
    expect(read(join(blocks), written)).toBe(text);
    const swapped = [blocks[1] ?? "", blocks[0] ?? "", ...blocks.slice(2)];
    const forgeries = [
      swapped,
      [...blocks, blocks.at(-1) ?? ""],
      blocks.slice(0, -1),
      blocks.slice(1),
      [...blocks.slice(0, 2), ...blocks.slice(3)],
      [other[0] ?? "", ...blocks.slice(1)],
      other,
      [],
    ];
    for (const forgery of forgeries)
      for (const bytes of [text.length, Buffer.from(forgery.join(""), "base64").length])
        expect(read(join(forgery), { bytes })).toBeUndefined();
  });

  test("is bound to one head, by a seal that says nothing of another", () => {
    const cipher = BlockCipher.ofBlocks(KEY, formFor("none", 16, true));
    const seal = cipher.seal("a head");
    expect(cipher.isSealed(seal, "a head")).toBe(true);
    expect(cipher.isSealed(seal, "another head")).toBe(false);
    expect(BlockCipher.ofBlocks(KEY, formFor("none", 16, true)).isSealed(seal, "a head")).toBe(false);
    for (const forged of ["", seal.slice(0, 20), `A${seal.slice(1)}`, `B${seal.slice(1)}`].filter(
      (text) => text !== seal,
    ))
      expect(cipher.isSealed(forged, "a head")).toBe(false);
  });

  test("tells while it is written where its blocks are", () => {
    fc.assert(
      fc.property(anyText, anyForm, (text, wish) => {
        const form = formFor(wish.codec, wish.blockBytes, wish.isEncrypted);
        const writer = new BlockWriter(form, cipherFor(form));
        const json = Buffer.concat([...writer.push(Buffer.from(text)), ...writer.end()]).toString();
        expect(Uint32Array.from(writer.starts)).toEqual(mapOf({ json, form, bytes: 0 }).starts);
      }),
    );
  });

  test("gives no range of a block that was changed, swapped or is not there", async () => {
    const written = make();
    const { blocks } = taken(written);
    const attempts: (readonly (string | undefined)[])[] = [
      [blocks[1]],
      [(blocks[0] ?? "").replace(/^./, (first) => (first === "A" ? "B" : "A"))],
      [(blocks[0] ?? "").slice(0, 8)],
      [""],
      [],
    ];
    for (const found of attempts) {
      const reading = readingBlocks(mapOf(written), cipherFor(written.form), async () =>
        found.map((block) => Buffer.from(block ?? "")),
      );
      await expect(reading([{ from: 0, to: 4 }])).rejects.toThrow(TextChangedError);
    }
    const gone = readingBlocks(mapOf(written), cipherFor(written.form), async () => undefined);
    expect(await gone([{ from: 0, to: 4 }])).toBeUndefined();
  });

  test("never encrypts twice under one key and nonce: equal blocks and equal texts differ", () => {
    const same = () => taken(write(Buffer.alloc(64, 0x61), formFor("none", 16, true))).blocks;
    expect(new Set([...same(), ...same()]).size).toBe(8);
  });
});

describe("a compressed text in blocks", () => {
  test.each(supportedCodecs)("of %s never becomes more than its blocks may be", (codec) => {
    const bomb = write(Buffer.alloc(100_000, 0x61), formFor(codec, 100_000, false));
    const claimed = bomb.json.replace('"block_bytes":100000', '"block_bytes":1000');
    expect(claimed).not.toBe(bomb.json);
    expect(read(claimed, bomb)).toBeUndefined();
    expect(read(claimed, { bytes: 1000 })).toBeUndefined();
  });

  test("nor more than the entry says", () => {
    const written = write(Buffer.alloc(1000, 0x61), formFor("gzip", 100, false));
    for (const bytes of [0, 99, 100, 999, 1001]) expect(read(written.json, { bytes })).toBeUndefined();
    expect(read(written.json.replace('"bytes":1000', '"bytes":1001'), { bytes: 1001 })).toBeUndefined();
  });

  test("in blocks too large to be made is not read", () => {
    const { json } = write(Buffer.from("a"), formFor("none", 100, false));
    expect(readBeginning(json.replace('"block_bytes":100', '"block_bytes":9999999'))).toBeUndefined();
  });
});

test("blocks that were read are at hand for a while", async () => {
  const written = write(Buffer.from("x".repeat(1000)), formFor("gzip", 10, false));
  const stored = Buffer.from(written.json);
  let asked = 0;
  const reading = readingBlocks(mapOf(written), undefined, async (ranges) => {
    asked += ranges.length;
    return ranges.map(({ from, to }) => stored.subarray(from, to));
  });
  for (let n = 0; n < 3; n++) await reading([{ from: 0, to: 25 }]);
  expect(asked).toBe(3);
  expect((await reading([{ from: 0, to: 1000 }]))?.[0]?.length).toBe(1000); // more than are kept
  expect(asked).toBe(100);
});

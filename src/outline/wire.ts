import { crc32 } from "node:zlib";
import { z } from "zod";
import type { Outline, OutlineNode } from "./outline.js";

/** The number of the form; another one is not read. */
const FORM = 1;

/** Bytes before the header: its length, then the checksum of everything behind that. */
const PREFIX_BYTES = 8;

const nodeShape = z.object({
  kind: z.enum(["items", "members", "characters"]),
  start: z.number(),
  end: z.number(),
  count: z.number(),
  smallest: z.number(),
  largest: z.number(),
  last: z.number(),
  lastPart: z.number(),
  blocks: z.number(),
  /** Which node it is a part of, and which part; absent for the root, the first. */
  parent: z.number().optional(),
  part: z.number().optional(),
});

const headerShape = z.object({
  form: z.literal(FORM),
  of: z.string(),
  bytes: z.number(),
  characters: z.number(),
  tokens: z.number(),
  checksums: z.number(),
  charactersBefore: z.number(),
  nodes: z.array(nodeShape).min(1),
  /** What came later; who does not know it, reads the others. */
  blocks: z
    .object({
      codec: z.string(),
      blockBytes: z.int().positive(),
      keyId: z.string().optional(),
      salt: z.string().optional(),
      starts: z.int(),
    })
    .optional(),
});

type WireNode = z.infer<typeof nodeShape>;

/**
 * Writes an outline as bytes: a JSON header, then lists of 32-bit numbers in the byte order of all machines in use.
 * @param of tells the entry that it was made of from any later one under the same reference.
 */
export function writeOutline(outline: Outline, of: string): Buffer {
  const { bytes, characters, tokens, root, checksums, charactersBefore, blocks } = outline;
  const nodes: WireNode[] = [];
  const lists: Uint32Array[] = [checksums, charactersBefore];
  flatten(root, {}, nodes, lists);
  if (blocks !== undefined) lists.push(blocks.starts);
  const stored = blocks && { ...blocks, starts: blocks.starts.length };
  const facts = { form: FORM, of, bytes, characters, tokens, blocks: stored };
  const lengths = { checksums: checksums.length, charactersBefore: charactersBefore.length };
  const header = Buffer.from(JSON.stringify({ ...facts, ...lengths, nodes }));
  const body = Buffer.concat([header, padding(header.length), ...lists.map(bytesOf)]);
  const prefix = Buffer.alloc(PREFIX_BYTES);
  prefix.writeUInt32LE(header.length, 0);
  prefix.writeUInt32LE(crc32(body), 4);
  return Buffer.concat([prefix, body]);
}

/** Reads what {@link writeOutline} wrote of the same entry; `undefined` for anything else. */
export function readOutline(written: Uint8Array, of: string): Outline | undefined {
  const body = written.subarray(PREFIX_BYTES);
  const [headerLength, checksum] = numbersOf(written.subarray(0, PREFIX_BYTES));
  if (headerLength === undefined || checksum !== crc32(body)) return undefined;
  const header = headerShape.safeParse(parse(body.subarray(0, headerLength))).data;
  if (header === undefined || header.of !== of) return undefined;
  const numbers = numbersOf(body.subarray(headerLength + padding(headerLength).length));
  let taken = 0;
  const take = (count: number) => {
    taken += count;
    return numbers.subarray(taken - count, taken);
  };
  const checksums = take(header.checksums);
  const charactersBefore = take(header.charactersBefore);
  const root = unflatten(header.nodes, take);
  const { bytes, characters, tokens, blocks } = header;
  const stored = blocks && { blocks: { ...blocks, starts: take(blocks.starts) } };
  return root && { bytes, characters, tokens, checksums, charactersBefore, root, ...stored };
}

function flatten(
  node: OutlineNode,
  place: Pick<WireNode, "parent" | "part">,
  nodes: WireNode[],
  lists: Uint32Array[],
): void {
  const { blockStarts, blockParts, children, ...facts } = node;
  const parent = nodes.push({ ...facts, blocks: blockStarts.length, ...place }) - 1;
  lists.push(blockStarts, blockParts);
  for (const { part, node: child } of children) flatten(child, { parent, part }, nodes, lists);
}

/** A node stands before its children, so each finds its parent made. */
function unflatten(wire: readonly WireNode[], take: (count: number) => Uint32Array): OutlineNode | undefined {
  const made: (OutlineNode & { children: { part: number; node: OutlineNode }[] })[] = [];
  for (const { blocks, parent, part, ...facts } of wire) {
    const node = { ...facts, blockStarts: take(blocks), blockParts: take(blocks), children: [] };
    made.push(node);
    if (parent !== undefined && part !== undefined) made[parent]?.children.push({ part, node });
  }
  return made[0];
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString());
  } catch {
    return undefined;
  }
}

function padding(length: number): Buffer {
  return Buffer.alloc((4 - (length % 4)) % 4);
}

function bytesOf(numbers: Uint32Array): Uint8Array {
  return new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength);
}

/** A copy, as numbers must begin at a multiple of their size. */
function numbersOf(bytes: Uint8Array): Uint32Array {
  return new Uint32Array(Uint8Array.from(bytes.subarray(0, bytes.length & ~3)).buffer);
}

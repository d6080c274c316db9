import type { Entry } from "../../entry/entry.js";
import { decodeEntry, decodeHeadFromTail, textStart } from "../../entry/wire.js";
import type { ByteRange } from "../../outline/text.js";
import type { Look } from "../backend.js";
import { partlyDone } from "../partly-done.js";
import type { Command, Connection } from "./commands.js";
import { entryKey, outlineKey } from "./keys.js";

/** What one look brings of an entry's beginning, in bytes: all of a small one. */
const LOOK_BYTES = 16 * 1024;

/** How much of an entry's end is read for its head, in bytes. */
export const TAIL_BYTES = 2048;

/** See {@link RangeStore.look}. One round trip; the head `undefined` where the tail does not hold it. */
export async function look(
  connection: Connection,
  refId: string,
): Promise<(Omit<Look, "head"> & Partial<Pick<Look, "head">>) | undefined> {
  const key = entryKey(refId);
  const [beginning, tail, outline] = await connection.send([
    ["getrangeBuffer", key, 0, LOOK_BYTES - 1],
    ["getrange", key, -TAIL_BYTES, -1],
    ["getBuffer", outlineKey(refId)],
  ]);
  if (!Buffer.isBuffer(beginning) || beginning.length === 0 || typeof tail !== "string") return undefined;
  if (beginning.length < LOOK_BYTES) {
    const { json, ...head } = decodeEntry(refId, beginning.toString());
    return { head, json, textAt: 0 };
  }
  const head = decodeHeadFromTail(tail);
  return {
    ...(head === undefined ? {} : { head }),
    ...(Buffer.isBuffer(outline) ? { outline } : {}),
    textAt: textStart(beginning.toString("latin1", 0, 64)) ?? 0,
  };
}

/** See {@link RangeStore.readRanges}. One round trip. */
export async function readRanges(
  connection: Connection,
  refId: string,
  ranges: readonly ByteRange[],
  textAt: number,
): Promise<readonly Buffer[] | undefined> {
  const key = entryKey(refId);
  const commands = ranges.map(
    ({ from, to }): Command => ["getrangeBuffer", key, from + textAt, to + textAt - 1],
  );
  const replies = await connection.send(commands);
  return replies.every((reply) => Buffer.isBuffer(reply)) ? (replies as Buffer[]) : undefined;
}

/** See {@link RangeStore.keepOutline}. Two round trips: never is an outline left without an entry. */
export async function keepOutline(
  connection: Connection,
  refId: string,
  { expiresAt }: Entry,
  outline: Uint8Array,
): Promise<void> {
  const life = expiresAt === null ? undefined : Math.ceil(expiresAt - Date.now());
  if (life !== undefined && life <= 0) return;
  const key = outlineKey(refId);
  const bytes = Buffer.from(outline.buffer, outline.byteOffset, outline.byteLength);
  await connection.call(["set", key, bytes, ...(life === undefined ? [] : ["PX", life])], bytes.length);
  try {
    if ((await connection.call(["exists", entryKey(refId)])) === 0) await connection.call(["unlink", key]);
  } catch (error) {
    throw partlyDone(error, 1);
  }
}

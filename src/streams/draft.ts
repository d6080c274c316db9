import type { Entry, EntryHead } from "../entry/entry.js";
import type { Outline } from "../outline/outline.js";
import { asBuffer } from "../outline/utf8.js";
import type { Received } from "./receive.js";
import { WrittenText } from "./written-text.js";

/** An entry that is not stored yet, and whose text is in the store already. */
export interface WrittenEntry extends EntryHead {
  readonly written: WrittenText;
  readonly outline: Outline | undefined;
}

/** An entry that is not stored yet, its text at hand or not. */
export type Draft = Entry | WrittenEntry;

/** Removes what was received and is not to be stored. */
export async function discard({ text }: Received): Promise<void> {
  if (text instanceof WrittenText) await text.abort();
}

/** Items of a list, members of an object, `null` for anything else. */
export function itemsIn(outline: Outline | undefined): number | null {
  return outline === undefined || outline.root.kind === "characters" ? null : outline.root.count;
}

/** The text of some bytes; in one step where they are known to be ASCII. */
export function textOfAll(bytes: Uint8Array, outline: Outline | undefined): string {
  return asBuffer(bytes).toString(outline?.characters === bytes.length ? "latin1" : "utf8");
}

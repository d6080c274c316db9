import { type EntryHead, isExpired } from "../../entry/entry.js";
import type { Command } from "./commands.js";
import { TAIL_BYTES } from "./ranges.js";

/** Stores a text under a key until a time in Unix ms; one that is past removes what was there. */
export function writing(key: string, text: string, expiresAt: number | null): Command {
  if (expiresAt === null) return ["set", key, text];
  const life = Math.ceil(expiresAt - Date.now());
  return life > 0 ? ["set", key, text, "PX", life] : ["unlink", key];
}

/** Reads the end of an entry. */
export function tailOf(key: string): Command {
  return ["getrange", key, -TAIL_BYTES, -1];
}

/** A head, or an entry, unless it has expired. */
export function live<H extends EntryHead>(head: H | undefined): H | undefined {
  return head === undefined || isExpired(head, Date.now()) ? undefined : head;
}

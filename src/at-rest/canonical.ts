import type { Policy } from "../access/policy.js";
import type { EntryHead } from "../entry/entry.js";
import { policyToWire } from "../entry/head.js";

/** Begins the text, with the number of its form: another form never looks like this one. */
const FORM = '["mcp-refcache",1,';

/** Half a surrogate pair in a namespace comes back from SQLite as several replacement characters. */
const NO_TEXT = /[\p{Surrogate}\ufffd]+/gu;

/**
 * What an entry's text is bound to: its reference and every member of the head that somebody relies on. Equal
 * before and after a trip through any store.
 */
export function canonicalHead(refId: string, head: EntryHead): string {
  const { toolName, totalItems, totalSize, strictJson, tags } = head.metadata;
  const times = `${wholeMs(head.createdAt)},${wholeMs(head.expiresAt)}`;
  const facts = JSON.stringify([refId, toolName, totalItems, totalSize, strictJson, ...(tags ?? [])]);
  return `${FORM}${policyText(head.policy)},${times},${facts}]${head.namespace.replace(NO_TEXT, "\ufffd")}`;
}

/** Times go through seconds as doubles and back, which leaves them a little beside the millisecond. */
export function wholeMs<T extends number | null>(time: T): T {
  return (time === null ? null : Math.round(time)) as T;
}

/** Writing a policy is most of the work, and most entries of a namespace share one that cannot change. */
const texts = new WeakMap<Policy, string>();

function policyText(policy: Policy): string {
  const known = texts.get(policy);
  if (known !== undefined) return known;
  const text = JSON.stringify(policyToWire(policy));
  if (isFrozenWhole(policy)) texts.set(policy, text);
  return text;
}

function isFrozenWhole(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return true;
  return Object.isFrozen(value) && Object.values(value).every(isFrozenWhole);
}

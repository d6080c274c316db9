import { hash } from "node:crypto";
import { type Label, labelText } from "../../entry/labels.js";

/** Keys of entries, shared with the Python implementation. Nothing but entries lies under this prefix. */
export const ENTRY_PREFIX = "mcp-refcache:entry:";

/** Keys of links, which are ours alone. */
export const LINK_PREFIX = "mcp-refcache:link:";

/** Keys of leases, and of the numbers by which they are told apart. */
export const LEASE_PREFIX = "mcp-refcache:lease:";
/** Keys of labels, under which the references of entries are that bear them. */
export const LABEL_PREFIX = "mcp-refcache:label:";

/** When the last entry under each label ends: what is past is to be removed. */
export const LABELS_KEY = "mcp-refcache:labels";

/** Says that each entry is under the label of its namespace. */
export const NAMESPACES_INDEXED_KEY = "mcp-refcache:namespaces-indexed";

/** Labels longer than this are named by a digest. */
const LONGEST_LABEL = 200;

/** The channel on which servers tell each other what has happened; one for all databases of a Redis server. */
export const EVENTS_CHANNEL = "mcp-refcache:events";

/** The key an entry lies under. */
export function entryKey(refId: string): string {
  return ENTRY_PREFIX + refId;
}

/** The reference of an entry's key. */
export function refIdOf(key: string): string {
  return key.slice(ENTRY_PREFIX.length);
}

/** The key a link lies under. */
export function linkKey(name: string): string {
  return LINK_PREFIX + name;
}

/** Keys of outlines, which are ours alone. */
export const OUTLINE_PREFIX = "mcp-refcache:outline:";

/** The key an outline lies under: on a cluster always where its entry is. */
export function outlineKey(refId: string): string {
  return `${OUTLINE_PREFIX}{${entryKey(refId)}}`;
}

/** Keys of texts that are being written, which are ours alone. */
export const WRITING_PREFIX = "mcp-refcache:writing:";

/** The key of a text that is being written: on a cluster always where its entry will be. */
export function writingKey(refId: string, nonce: string): string {
  return `${WRITING_PREFIX}{${entryKey(refId)}}:${nonce}`;
}

/** The keys that a lease takes part in: in a cluster all on one node, as they carry the link's key as their hash tag. */
export function leaseKeys(name: string): [lease: string, fence: string, link: string] {
  const link = linkKey(name);
  return [`${LEASE_PREFIX}{${link}}`, `${LEASE_PREFIX}fence:{${link}}`, link];
}

/** Keys of records of tasks, of their leases and of their names, which are ours alone. */
export const TASK_PREFIX = "mcp-refcache:task:";

/** The references of unfinished tasks, by when their leases may have ended; a hint, since the leases themselves tell. */
export const TASKS_KEY = "mcp-refcache:tasks";

/** The keys of a task: in a cluster both where its result will be. */
export function taskKeys(refId: string): [record: string, lease: string] {
  const place = `{${entryKey(refId)}}`;
  return [TASK_PREFIX + place, `${TASK_PREFIX}lease:${place}`];
}

/** The key of a name that leads to a task. */
export function taskNameKey(name: string): string {
  return `${TASK_PREFIX}name:${name}`;
}

/** The key under which the references of a label are. Where two labels share one, the heads of entries tell. */
export function labelKey(label: Label): string {
  const text = labelText(label);
  return (
    LABEL_PREFIX +
    (text.length <= LONGEST_LABEL ? text : `${label.kind}:${hash("sha256", label.name, "hex")}`)
  );
}

/** The SCAN pattern for every key under a prefix; what means something in a pattern is escaped. */
export function everyKeyUnder(prefix: string): string {
  return `${prefix.replace(/[\\*?[\]^]/g, "\\$&")}*`;
}

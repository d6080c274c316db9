import type { EntryHead } from "../../entry/entry.js";
import { bears, type Label, type Labelled, labelsOf } from "../../entry/labels.js";
import { EntryUnreadableError } from "../../errors.js";
import type { MayRemove } from "../backend.js";
import { partlyDone } from "../partly-done.js";
import { headMany } from "./batches.js";
import { type Command, type Connection, isOneServer } from "./commands.js";
import { entryKey, labelKey, linkKey, NAMESPACES_INDEXED_KEY, outlineKey } from "./keys.js";
import { LabelUpkeep } from "./label-upkeep.js";

/** An entry that was found, and its head. */
export type Listed = readonly [refId: string, head: EntryHead];

/** Members of a label looked at in one round trip. */
const MEMBERS_PER_TURN = 500;

/**
 * The index of labels: a sorted set a label, of references by when they expire. Noted are tools and tags, and
 * namespaces where that is switched on. It may tell of entries that are gone, and never misses one that is there.
 */
export class RedisLabels {
  readonly #connection: Connection;
  readonly #hasNamespaces: boolean;
  readonly #upkeep: LabelUpkeep;

  /** @param hasNamespaces whether every server that writes to this store notes namespaces. */
  constructor(connection: Connection, hasNamespaces: boolean) {
    this.#connection = connection;
    this.#hasNamespaces = hasNamespaces;
    this.#upkeep = new LabelUpkeep(connection);
  }

  /** What notes the labels of entries: to be done before they are stored, or with them. */
  noting(entries: readonly { readonly refId: string; readonly entry: EntryHead }[]): Command[] {
    const isBare = !this.#hasNamespaces && entries.every(({ entry }) => hasNone(entry));
    return isBare ? [] : this.#noting(entries.map(({ refId, entry }) => [refId, entry]));
  }

  /** Notes the labels of entries that are stored. */
  async note(heads: readonly Listed[]): Promise<void> {
    const noting = this.#noting(heads);
    if (noting.length > 0) await this.#connection.send(noting);
  }

  #noting(heads: readonly Listed[]): Command[] {
    const keys = new Map<string, [score: number | string, refId: string][]>();
    let last = 0;
    for (const [refId, { expiresAt, ...head }] of heads) {
      for (const label of this.#labelsOf(head)) add(keys, labelKey(label), [expiresAt ?? "+inf", refId]);
      last = Math.max(last, expiresAt ?? Number.POSITIVE_INFINITY);
    }
    if (keys.size === 0) return [];
    const noting = [...keys].map(([key, members]): Command => ["zadd", key, ...members.flat()]);
    return [...noting, ...this.#upkeep.after([...keys.keys()], last)];
  }

  /** Tells whether all entries of a namespace are found by its label. */
  async finds({ kind }: Label): Promise<boolean> {
    if (kind !== "namespace") return true;
    if (!this.#hasNamespaces) return false;
    const [mark] = await this.#connection.send([["get", NAMESPACES_INDEXED_KEY]]);
    return typeof mark === "string";
  }

  /** To be called when every entry there is has been noted, or there is none. */
  async markComplete(): Promise<void> {
    if (this.#hasNamespaces) await this.#connection.send([["set", NAMESPACES_INDEXED_KEY, "1"]]);
  }

  /** The live entries that bear a label, each once. */
  async *batches(label: Label): AsyncGenerator<Listed[]> {
    const key = labelKey(label);
    await this.#connection.send([["zremrangebyscore", key, "-inf", Date.now()]]);
    const seen = new Set<string>();
    let cursor = "0";
    do {
      const [reply] = await this.#connection.send([["zscan", key, cursor, "COUNT", MEMBERS_PER_TURN]]);
      const [next, members] = (reply ?? ["0", []]) as [cursor: string, membersAndScores: string[]];
      const fresh = members.filter((member, n) => n % 2 === 0 && !seen.has(member) && seen.add(member));
      if (fresh.length > 0) yield await this.#bearers(label, fresh);
      cursor = next;
    } while (cursor !== "0");
  }

  /** Removes what may go of batches of entries, with their labels and the names that lead to them; tells how many. */
  async remove(batches: AsyncIterable<readonly Listed[]>, mayRemove?: MayRemove): Promise<number> {
    const progress = { removed: 0 };
    try {
      for await (const batch of batches) {
        const leaving: Listed[] = [];
        for (const [refId, head] of batch)
          if (mayRemove === undefined || (await mayRemove(refId, head))) leaving.push([refId, head]);
        if (leaving.length > 0) await this.#removeAll(leaving, progress);
      }
    } catch (error) {
      throw partlyDone(error, progress.removed);
    }
    return progress.removed;
  }

  #labelsOf(head: Labelled): readonly Label[] {
    const own = labelsOf(head);
    return this.#hasNamespaces ? [{ kind: "namespace", name: head.namespace }, ...own] : own;
  }

  /** Those of some references that bear a label. The others are struck off, where they cannot be on their way. */
  async #bearers(label: Label, refIds: readonly string[]): Promise<Listed[]> {
    const heads = await headMany(this.#connection, refIds);
    const bearers: Listed[] = [];
    const stale: string[] = [];
    for (const [n, refId] of refIds.entries()) {
      const head = heads[n];
      if (head instanceof EntryUnreadableError) continue;
      if (head !== undefined && bears(head, label)) bearers.push([refId, head]);
      else stale.push(refId);
    }
    if (stale.length > 0 && isOneServer(this.#connection))
      await this.#connection.send([["zrem", labelKey(label), ...stale]]);
    return bearers;
  }

  /** Two round trips. A name that is given to another entry between them is lost, which is a miss. */
  async #removeAll(leaving: readonly Listed[], progress: { removed: number }): Promise<void> {
    const unlinking = leaving.map(([refId]): Command => ["unlink", entryKey(refId)]);
    const linked = leaving.flatMap(([refId, { metadata }]) =>
      metadata.link === undefined ? [] : [{ refId, key: linkKey(metadata.link) }],
    );
    const reading = linked.map(({ key }): Command => ["get", key]);
    const outlines = leaving.map(([refId]): Command => ["unlink", outlineKey(refId)]);
    const others = [...outlines, ...this.#striking(leaving)];
    const replies = await this.#connection.send([...unlinking, ...reading, ...others]);
    progress.removed += replies.slice(0, unlinking.length).filter((reply) => reply === 1).length;
    const targets = replies.slice(unlinking.length, unlinking.length + reading.length);
    const dangling = linked.filter(({ refId }, n) => targets[n] === refId);
    if (dangling.length > 0) await this.#connection.send(dangling.map(({ key }): Command => ["unlink", key]));
  }

  #striking(leaving: readonly Listed[]): Command[] {
    const keys = new Map<string, string[]>();
    for (const [refId, head] of leaving)
      for (const label of this.#labelsOf(head)) add(keys, labelKey(label), refId);
    return [...keys].map(([key, refIds]) => ["zrem", key, ...refIds]);
  }
}

/** Most values that are not made by a tool; told without making a list. */
function hasNone({ metadata: { toolName, tags } }: Labelled): boolean {
  return toolName === null && tags === undefined;
}

function add<T>(lists: Map<string, T[]>, key: string, item: T): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [item]);
  else list.push(item);
}

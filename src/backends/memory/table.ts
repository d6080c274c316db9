import { type Entry, type EntryHead, storedSizeOf } from "../../entry/entry.js";
import type { Label } from "../../entry/labels.js";
import type { Eviction } from "../backend.js";
import { Chains, emptyChain, NONE } from "./chain.js";
import { LabelIndex } from "./labels.js";
import { Names } from "./names.js";
import { Outlines } from "./outlines.js";
import { Records, textBytes } from "./records.js";

const FIRST_ROOM = 256;
/** What an entry takes beside its text: its reference, its columns, often a name, at the worst a head of its own. */
const HEAD_BYTES = 512;

/**
 * Entries by reference, by use and by namespace, in numbered slots. An entry stays in its slot for as long as it is there. Own
 * code where an LRU library would do, since those keep their slots to themselves: columns beside one of them cost 28
 * bytes an entry more.
 */
export class EntryTable {
  readonly names = new Names();
  readonly outlines = new Outlines();
  readonly #slots = new Map<string, number>();
  /** The reference in each slot, an empty text where it is free. */
  readonly #references = [""];
  readonly #free: number[] = [];
  readonly #records = new Records();
  readonly #labels = new LabelIndex();
  readonly #spaces = new Chains();
  readonly #uses = new Chains();
  /** All slots in use, the latest used first. */
  readonly #byUse = emptyChain();
  #room = 0;
  #bytes = 0;

  /** Entries, expired ones included. */
  get size(): number {
    return this.#slots.size;
  }

  /** What the entries take at most, as {@link bytesOf} counts, and their outlines. */
  get bytes(): number {
    return this.#bytes + this.outlines.bytes;
  }

  /** No slot was ever used from this one on. */
  get end(): number {
    return this.#references.length;
  }

  /** The slot of the least recently used entry. */
  get oldest(): number {
    return this.#byUse.last;
  }

  /** The slot of a reference, or `NONE`. */
  find(refId: string): number {
    return this.#slots.get(refId) ?? NONE;
  }

  /** The reference in a slot, an empty text where it is free. */
  referenceAt(slot: number): string {
    return this.#references[slot] ?? "";
  }

  /** The namespace of a slot in use. */
  namespaceAt(slot: number): string | undefined {
    return this.#records.kindAt(slot)?.namespace;
  }

  /** The entry in a slot in use, the reader's own or frozen. */
  entryAt(slot: number): Entry | undefined {
    return this.#records.entryAt(slot, this.referenceAt(slot));
  }

  /** The text of a slot in use. */
  textAt(slot: number): string {
    return this.#records.textAt(slot);
  }

  /** The head of a slot in use, the reader's own or frozen. */
  headAt(slot: number): EntryHead | undefined {
    return this.#records.headAt(slot, this.referenceAt(slot));
  }

  /** What is told of the entry in a slot in use when it has to go. */
  evictionOf(slot: number): Eviction {
    const namespace = this.namespaceAt(slot) ?? "";
    return { refId: this.referenceAt(slot), namespace, bytes: this.textAt(slot).length };
  }

  /** Tells whether what is in a slot in use has expired. */
  isExpired(slot: number, now: number): boolean {
    return this.#records.isExpired(slot, now);
  }

  /** Counts as use. */
  touch(slot: number): void {
    this.#uses.moveToFront(this.#byUse, slot);
  }

  /** Stores an entry as the latest used, in the place of the one of this reference. */
  put(refId: string, entry: Entry): void {
    const known = this.find(refId);
    if (known === NONE) this.#add(refId, entry);
    else this.#rewrite(known, refId, entry);
  }

  /** Empties a slot in use. */
  remove(slot: number): void {
    this.#bytes -= this.#records.bytesAt(slot) + HEAD_BYTES;
    this.names.forget(slot);
    this.outlines.forget(slot);
    this.#unlabel(slot);
    this.#slots.delete(this.referenceAt(slot));
    this.#references[slot] = "";
    this.#uses.remove(this.#byUse, slot);
    const kind = this.#records.erase(slot);
    if (kind !== undefined) this.#spaces.remove(kind.space.chain, slot);
    this.#free.push(slot);
  }

  /** The slots of a namespace as they are now. */
  slotsOf(namespace: string): Uint32Array {
    const space = this.#records.kinds.space(namespace);
    return space === undefined ? new Uint32Array() : this.#spaces.slotsOf(space.chain, space.count);
  }

  /** The slots of a label as they are now. */
  slotsUnder(label: Label): Uint32Array {
    return label.kind === "namespace" ? this.slotsOf(label.name) : this.#labels.of(label);
  }

  #add(refId: string, entry: Entry): void {
    const slot = this.#free.pop() ?? this.#freshSlot();
    this.#slots.set(refId, slot);
    this.#references[slot] = refId;
    const { chain } = this.#records.write(slot, refId, entry).space;
    this.#spaces.prepend(chain, slot);
    this.#uses.prepend(this.#byUse, slot);
    this.#labels.add(slot, entry);
    this.#bytes += bytesOf(entry);
  }

  #rewrite(slot: number, refId: string, entry: Entry): void {
    this.#bytes += bytesOf(entry) - this.#records.bytesAt(slot) - HEAD_BYTES;
    const former = this.#records.kindAt(slot)?.space;
    this.outlines.forget(slot);
    this.#unlabel(slot);
    this.#labels.add(slot, entry);
    const { space } = this.#records.write(slot, refId, entry);
    if (former !== undefined && former !== space) {
      this.#spaces.remove(former.chain, slot);
      this.#spaces.prepend(space.chain, slot);
    }
    this.touch(slot);
  }

  #unlabel(slot: number): void {
    const labelled = this.#records.labelledAt(slot);
    if (labelled !== undefined) this.#labels.remove(slot, labelled);
  }

  #freshSlot(): number {
    const slot = this.#references.length;
    if (slot >= this.#room) {
      this.#room = Math.max(FIRST_ROOM, 2 * this.#room);
      for (const columns of [this.#records, this.#spaces, this.#uses]) columns.grow(this.#room);
    }
    return slot;
  }
}

/** What an entry takes at most. */
export function bytesOf({ json, metadata }: Entry): number {
  return HEAD_BYTES + textBytes(json, storedSizeOf(metadata));
}

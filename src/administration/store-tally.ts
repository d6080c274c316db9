import type { EntryHead } from "../entry/entry.js";

/** What a number of entries come to. */
export interface Totals {
  readonly entries: number;
  /** Bytes of the values as JSON text, as far as known. */
  readonly bytes: number;
}

/** What one namespace holds. */
export interface NamespaceTotals extends Totals {
  readonly namespace: string;
}

/** What a store holds, counted. */
export interface StoreStats extends Totals {
  /** Entries whose size their writer did not note. */
  readonly unknownSize: number;
  /** When the oldest and the newest were made, in Unix ms; `null` where there is none. */
  readonly oldest: number | null;
  readonly newest: number | null;
  /** Those with the most entries, most first. */
  readonly namespaces: readonly NamespaceTotals[];
  /** Namespaces had to be dropped on the way, so that those listed may hold more than it says. The rest is exact. */
  readonly isApproximate: boolean;
  /** `false`: time ran out, and the rest of the store is not counted. */
  readonly isComplete: boolean;
}

/** Namespaces listed. */
const LISTED = 20;
/** Namespaces kept when there are too many; twice as many are kept in between. */
const KEPT = 1000;

interface Count {
  entries: number;
  bytes: number;
}

/** Counts entries as they come by, in bounded memory, however many namespaces there are. */
export class StoreTally {
  readonly #total: Count = { entries: 0, bytes: 0 };
  #namespaces = new Map<string, Count>();
  #unknownSize = 0;
  #oldest: number | null = null;
  #newest: number | null = null;
  #isApproximate = false;

  /** Namespaces that are kept at present. */
  get kept(): number {
    return this.#namespaces.size;
  }

  /** Counts one entry. */
  add({ namespace, createdAt, metadata: { totalSize } }: EntryHead): void {
    if (totalSize === null) this.#unknownSize++;
    count(this.#total, totalSize);
    count(this.#countOf(namespace), totalSize);
    this.#oldest = Math.min(createdAt, this.#oldest ?? createdAt);
    this.#newest = Math.max(createdAt, this.#newest ?? createdAt);
  }

  /** What was counted so far. */
  stats(isComplete: boolean): StoreStats {
    return {
      ...this.#total,
      unknownSize: this.#unknownSize,
      oldest: this.#oldest,
      newest: this.#newest,
      namespaces: this.#largest(LISTED).map(([namespace, totals]) => ({ namespace, ...totals })),
      isApproximate: this.#isApproximate,
      isComplete,
    };
  }

  #countOf(namespace: string): Count {
    const known = this.#namespaces.get(namespace);
    if (known !== undefined) return known;
    if (this.#namespaces.size >= 2 * KEPT) this.#dropSmallest();
    const fresh = { entries: 0, bytes: 0 };
    this.#namespaces.set(namespace, fresh);
    return fresh;
  }

  /** One that is dropped begins again when it comes by, so large ones lose little. */
  #dropSmallest(): void {
    this.#isApproximate = true;
    this.#namespaces = new Map(this.#largest(KEPT));
  }

  #largest(most: number): [string, Count][] {
    return [...this.#namespaces]
      .sort(([, a], [, b]) => b.entries - a.entries || b.bytes - a.bytes)
      .slice(0, most);
  }
}

function count(totals: Count, bytes: number | null): void {
  totals.entries++;
  totals.bytes += bytes ?? 0;
}

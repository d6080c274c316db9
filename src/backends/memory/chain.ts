/** The two ends of one chain; `NONE` where it is empty. */
export interface Chain {
  first: number;
  last: number;
}

/** No slot. Slots are numbered from 1. */
export const NONE = 0;

/** An empty chain. */
export function emptyChain(): Chain {
  return { first: NONE, last: NONE };
}

/**
 * Chains of slots: each slot is in at most one of them. Eight bytes a slot, where a list of objects takes some forty
 * and a `Set` some twenty.
 */
export class Chains {
  #next = new Uint32Array(0);
  #previous = new Uint32Array(0);

  /** Makes room for slots below this number. */
  grow(slots: number): void {
    this.#next = grown(this.#next, new Uint32Array(slots));
    this.#previous = grown(this.#previous, new Uint32Array(slots));
  }

  /** Puts a slot, which is in no chain, before all others. */
  prepend(chain: Chain, slot: number): void {
    this.#next[slot] = chain.first;
    this.#previous[slot] = NONE;
    if (chain.first === NONE) chain.last = slot;
    else this.#previous[chain.first] = slot;
    chain.first = slot;
  }

  /** Takes a slot out of the chain it is in. */
  remove(chain: Chain, slot: number): void {
    const next = this.#next[slot] ?? NONE;
    const previous = this.#previous[slot] ?? NONE;
    if (next === NONE) chain.last = previous;
    else this.#previous[next] = previous;
    if (previous === NONE) chain.first = next;
    else this.#next[previous] = next;
  }

  /** Puts a slot of a chain before all others in it. */
  moveToFront(chain: Chain, slot: number): void {
    if (chain.first === slot) return;
    this.remove(chain, slot);
    this.prepend(chain, slot);
  }

  /** Copies the slots of a chain, of which there are so many. */
  slotsOf(chain: Chain, count: number): Uint32Array {
    const slots = new Uint32Array(count);
    let slot = chain.first;
    for (let n = 0; n < count; n++) {
      slots[n] = slot;
      slot = this.#next[slot] ?? NONE;
    }
    return slots;
  }
}

/** The larger array, with what the smaller one holds. */
export function grown<T extends Uint32Array | Int32Array | Float64Array>(smaller: T, larger: T): T {
  larger.set(smaller);
  return larger;
}

import { RemoteContainer } from "./remote.js";
import { isPresent, setMember, strictJson } from "./strict-json.js";
import { type Allowance, weighKey, weighValue } from "./weigh-value.js";
import type { Weigher } from "./weigher.js";

/** A part of a list or object, by its index, with the value that is shown for it. */
export interface ShownPart {
  readonly index: number;
  readonly value: unknown;
}

/** The items of a list or the present members of an object, in order; one form for both. */
export class Parts {
  readonly kind: "items" | "members";
  readonly #remote: RemoteContainer | undefined;
  readonly #values: readonly unknown[] = [];
  readonly #keys: readonly string[] | undefined;

  constructor(container: object) {
    if (container instanceof RemoteContainer) {
      this.kind = container.kind;
      this.#remote = container;
      return;
    }
    this.kind = Array.isArray(container) ? "items" : "members";
    if (Array.isArray(container)) {
      this.#values = container;
      return;
    }
    const object = container as Record<string, unknown>;
    this.#keys = Object.keys(object).filter((key) => isPresent(object[key]));
    this.#values = this.#keys.map((key) => object[key]);
  }

  get count(): number {
    return this.#remote?.count ?? this.#values.length;
  }

  value(index: number): unknown {
    return this.#remote === undefined ? this.#values[index] : this.#remote.part(index).value;
  }

  /** Says which parts will be asked for, so that those of a remote container are fetched together. */
  want(indices: readonly number[]): void {
    this.#remote?.want(indices);
  }

  #key(index: number): string | undefined {
    return this.#remote === undefined ? this.#keys?.[index] : this.#remote.part(index).key;
  }

  /** The key with its colon and a comma, or the comma alone: what a part takes besides its value. */
  weighFrame(index: number, weigher: Weigher, limit: number): number {
    const key = this.#key(index);
    return key === undefined ? weigher.comma : weighKey(key, weigher, limit - weigher.comma) + weigher.comma;
  }

  /** A part with its key and a comma; `Infinity` when that is above what is allowed. */
  weigh(index: number, weigher: Weigher, allowed: Allowance): number {
    const frame = this.weighFrame(index, weigher, allowed.weight);
    if (frame > allowed.weight) return frame;
    return frame + weighValue(this.value(index), weigher, allowed.weight - frame, allowed.levels);
  }

  /** A list or object of some of the parts. */
  build(shown: Iterable<ShownPart>): unknown[] | object {
    const list: unknown[] = [];
    const object = {};
    for (const { index, value } of shown) {
      const key = this.#key(index);
      if (key === undefined) list.push(value);
      else setMember(object, key, value);
    }
    return this.kind === "items" ? list : object;
  }

  /** A list or object of the parts from one index up to another, whole. */
  slice(from: number, to: number): unknown[] | object {
    const indices = Array.from({ length: to - from }, (_, offset) => from + offset);
    return this.build(indices.map((index) => ({ index, value: strictJson(this.value(index)) })));
  }
}

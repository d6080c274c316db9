import { LimitExceededError, ValueNotStorableError } from "../errors.js";
import { formatPath, type Step } from "./path.js";
import { isPlainJson, isPlainList, isPlainObject } from "./plain.js";

/** A value as it is stored, with what was learnt while writing it. */
export interface EncodedValue {
  /** JSON text; NaN and the infinities stand as Python writes them. */
  readonly json: string;
  /** Size of the text in bytes of UTF-8. */
  readonly bytes: number;
  /** Items of a list, members of an object, else `null`. */
  readonly totalItems: number | null;
  /** Whether `JSON.parse` reads the text without loss. */
  readonly strictJson: boolean;
}

/** What a value may be at most. */
export interface ValueLimits {
  /** Bytes of JSON text in UTF-8. */
  readonly maxValueBytes: number;
  /** Levels of nesting. */
  readonly maxDepth: number;
}

/**
 * Writes a value as JSON text, once. The value is only read; a `Date` becomes its ISO text, an `undefined`
 * member is left out, everything else is exact or refused.
 *
 * @param within the steps that lead to the value, where it is part of another.
 * @throws {ValueNotStorableError} naming the path of what JSON cannot hold.
 * @throws {LimitExceededError} when the value is too deep or too large.
 */
export function encodeValue(value: unknown, limits: ValueLimits, within: readonly Step[] = []): EncodedValue {
  const encoded = encodeFast(value, limits, within.length) ?? encodeCarefully(value, limits, within);
  const bytes = Buffer.byteLength(encoded.json);
  if (bytes > limits.maxValueBytes) throw tooLarge(limits.maxValueBytes);
  return { ...encoded, bytes, totalItems: countItems(value) };
}

/** Items of a list, members of an object that are not `undefined`, `null` for anything else. */
export function countItems(value: unknown): number | null {
  if (Array.isArray(value)) return value.length;
  if (typeof value !== "object" || value === null || value instanceof Date) return null;
  let count = 0;
  for (const member of Object.values(value)) if (member !== undefined) count++;
  return count;
}

type Text = Pick<EncodedValue, "json" | "strictJson">;

function encodeFast(value: unknown, limits: ValueLimits, depth: number): Text | undefined {
  try {
    if (!isPlainJson(value, limits.maxDepth - depth, { left: limits.maxValueBytes / 2 })) return undefined;
    return { json: JSON.stringify(value), strictJson: true };
  } catch {
    return undefined; // a getter or a proxy threw: the careful encoder finds out where
  }
}

function encodeCarefully(value: unknown, limits: ValueLimits, within: readonly Step[]): Text {
  const encoder = new CarefulEncoder(limits, within);
  const json = encoder.write(value);
  return { json, strictJson: encoder.strictJson };
}

/** Says that a value has more bytes than it may have. */
export function tooLarge(most: number): LimitExceededError {
  return new LimitExceededError(
    "limits.maxValueBytes",
    `The value is larger than the ${most} bytes of JSON that may be stored`,
  );
}

/** Writes what `JSON.stringify` would change or choke on, and names the path of what cannot be written. */
class CarefulEncoder {
  strictJson = true;
  readonly #path: Step[];
  readonly #ancestors = new Set<object>();
  readonly #limits: ValueLimits;
  #written = 0;

  constructor(limits: ValueLimits, within: readonly Step[]) {
    this.#limits = limits;
    this.#path = [...within];
  }

  write(value: unknown): string {
    switch (typeof value) {
      case "string":
      case "boolean":
        return this.#count(JSON.stringify(value));
      case "number":
        return this.#count(this.#number(value));
      case "bigint":
        if (!isSafe(value)) this.strictJson = false;
        return this.#count(value.toString());
      case "object":
        return value === null ? this.#count("null") : this.#object(value);
      default:
        return this.#refuse(
          `${typeof value === "undefined" ? "undefined" : `a ${typeof value}`} has no JSON form`,
        );
    }
  }

  #number(value: number): string {
    if (!Number.isFinite(value)) {
      this.strictJson = false;
      return String(value);
    }
    if (Object.is(value, -0)) return "-0.0";
    return Number.isInteger(value) && !Number.isSafeInteger(value) ? value.toExponential() : String(value);
  }

  #object(value: object): string {
    if (value instanceof Date) return this.#date(value);
    if (this.#ancestors.has(value)) return this.#refuse("the value contains itself");
    if (this.#path.length >= this.#limits.maxDepth) {
      const problem = `The value is nested deeper than ${this.#limits.maxDepth} levels`;
      throw new LimitExceededError("limits.maxDepth", problem);
    }
    this.#count("[]");
    this.#ancestors.add(value);
    const text = Array.isArray(value) ? this.#list(value) : this.#members(value);
    this.#ancestors.delete(value);
    return text;
  }

  #date(value: Date): string {
    if (Number.isNaN(value.getTime())) return this.#refuse("an invalid Date has no text");
    return this.#count(JSON.stringify(Date.prototype.toISOString.call(value)));
  }

  #list(list: readonly unknown[]): string {
    if (!isPlainList(list)) return this.#refuse(describeInstance(list));
    const items: string[] = [];
    for (let index = 0; index < list.length; index++) {
      items.push(this.#step(index, () => list[index]));
    }
    return `[${items.join(",")}]`;
  }

  #members(object: object): string {
    if (!isPlainObject(object)) return this.#refuse(describeInstance(object));
    const members: string[] = [];
    for (const key of Object.keys(object)) {
      const text = this.#step(key, () => object[key], true);
      if (text !== "") members.push(`${this.#count(JSON.stringify(key))}:${text}`);
    }
    return `{${members.join(",")}}`;
  }

  #step(step: Step, read: () => unknown, mayBeAbsent = false): string {
    this.#path.push(step);
    const member = this.#read(read);
    const text = member === undefined && mayBeAbsent ? "" : this.write(member);
    this.#path.pop();
    return text;
  }

  #read(read: () => unknown): unknown {
    try {
      return read();
    } catch {
      return this.#refuse("reading it throws");
    }
  }

  #count(text: string): string {
    this.#written += text.length + 1;
    if (this.#written > this.#limits.maxValueBytes + 2) throw tooLarge(this.#limits.maxValueBytes);
    return text;
  }

  #refuse(problem: string): never {
    throw new ValueNotStorableError(formatPath(this.#path), problem);
  }
}

function isSafe(value: bigint): boolean {
  return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER);
}

const ADVICE: Record<string, string> = {
  Map: "turn it into an object with Object.fromEntries",
  Set: "turn it into a list with Array.from",
  Buffer: "turn it into text, such as base64",
  ArrayBuffer: "turn it into text, such as base64",
  Promise: "await it first",
};

function describeInstance(value: object): string {
  const name = instanceName(value);
  const advice =
    ArrayBuffer.isView(value) && name !== "Buffer" ? "turn it into a list with Array.from" : undefined;
  return `an instance of ${name} is not plain data (${advice ?? ADVICE[name] ?? "return a plain object instead"})`;
}

function instanceName(value: object): string {
  try {
    return (value.constructor as { name?: string } | undefined)?.name || "an unnamed class";
  } catch {
    return "an unreadable class";
  }
}

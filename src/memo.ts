import { hash } from "node:crypto";
import { isPlainObject } from "./entry/plain.js";

/** What tells one call from another. */
export interface CallIdentity {
  readonly cacheName: string;
  readonly namespace: string;
  /** Which function: a tool's name, or a method's with its class. */
  readonly tool: string;
  /** On whose behalf, as `type:id`; `*` where results are shared. */
  readonly principal: string;
  /** The policy that the result gets, as text: a changed one must not be answered from under the old. */
  readonly policy: string;
  /** The arguments as they came, references standing for themselves; or the text that `key` made of them. */
  readonly args: unknown;
  /** Look-alikes of references that stayed texts for this caller. */
  readonly missing: readonly string[];
}

/**
 * The link name of a call's result: equal for equal calls in any process.
 * @returns `undefined` when the arguments hold something that cannot be told apart from its like.
 */
export function memoName(identity: CallIdentity): string | undefined {
  const text = canonical(identity, MOST_LEVELS);
  return text === undefined ? undefined : `memo:${digest(text)}`;
}

/** The link name of a key that a user has set a value under. */
export function keyName(namespace: string, key: string): string {
  return `key:${digest(JSON.stringify([namespace, key]))}`;
}

/** A short fingerprint of a function's source, so that another function of the same name is another tool. */
export function fingerprint(source: string): string {
  return digest(source).slice(0, 16);
}

/** SHA-256, since two calls with one name would get each other's results. */
function digest(text: string): string {
  return hash("sha256", text, "hex");
}

const MOST_LEVELS = 500;

/** A text that is equal for equal plain data only; `undefined` for what is none. */
export function canonicalText(value: unknown): string | undefined {
  return canonical(value, MOST_LEVELS);
}

/**
 * A text that is equal for equal values only: members sorted, types that JSON confuses marked. What has no such
 * text (class instances, functions, cycles) makes it `undefined`.
 */
function canonical(value: unknown, levels: number): string | undefined {
  switch (typeof value) {
    case "string":
      return JSON.stringify(value);
    case "number":
      return Object.is(value, -0) ? "-0" : String(value);
    case "bigint":
      return `${value}n`;
    case "boolean":
    case "undefined":
      return String(value);
    case "object":
      return value === null ? "null" : canonicalObject(value, levels - 1);
    default:
      return undefined;
  }
}

function canonicalObject(value: object, levels: number): string | undefined {
  if (levels < 0) return undefined;
  if (value instanceof Date) return `Date(${value.getTime()})`;
  if (Array.isArray(value) && Object.keys(value).length !== value.length) return undefined; // has holes, or names
  if (Array.isArray(value)) return join("[", "]", value, (item) => canonical(item, levels));
  if (!isPlainObject(value)) return undefined;
  const keys = Object.keys(value).filter((key) => value[key] !== undefined);
  return join("{", "}", keys.sort(), (key) => {
    const member = canonical(value[key], levels);
    return member === undefined ? undefined : `${JSON.stringify(key)}:${member}`;
  });
}

function join<T>(
  open: string,
  close: string,
  items: readonly T[],
  write: (item: T) => string | undefined,
): string | undefined {
  const parts: string[] = [];
  for (const item of items) {
    const part = write(item);
    if (part === undefined) return undefined;
    parts.push(part);
  }
  return open + parts.join(",") + close;
}

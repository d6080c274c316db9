import { customAlphabet } from "nanoid";
import { ConfigurationError, InvalidReferenceError } from "./errors.js";

/** A reference as text, `<cache name>:<hex>`. A name for a stored value, not a permission to have it. */
export type RefId = string;

/** The form of a reference, as a JSON Schema `pattern`; shared with the Python implementation. */
export const REFERENCE_PATTERN = "^[a-zA-Z][a-zA-Z0-9_-]*:[a-f0-9]{8,}$";

const REFERENCE = new RegExp(REFERENCE_PATTERN);
const CACHE_NAME = /^[a-zA-Z][a-zA-Z0-9_-]*$/;

/** 128 bits: without authentication a reference is a bearer secret, so it must not be guessable. */
const randomHex = customAlphabet("0123456789abcdef", 32);

/**
 * Tasks have longer references, so that reading any other costs no look at the records of tasks.
 */
const TASK_DIGITS = 40;
const randomTaskHex = customAlphabet("0123456789abcdef", TASK_DIGITS);

/** Tells whether a value has the form of a reference. It may still lead nowhere. */
export function isReference(value: unknown): value is RefId {
  return typeof value === "string" && REFERENCE.test(value);
}

/**
 * Takes a reference apart.
 * @throws {InvalidReferenceError} when the text does not have the form of a reference.
 */
export function parseReference(text: string): { cacheName: string; id: string } {
  if (!isReference(text)) throw new InvalidReferenceError();
  const colon = text.indexOf(":");
  return { cacheName: text.slice(0, colon), id: text.slice(colon + 1) };
}

/** Makes a new, random reference for a cache whose name has been checked. */
export function mintReference(cacheName: string): RefId {
  return `${cacheName}:${randomHex()}`;
}

/** Makes a new, random reference for a task, and for its result. */
export function mintTaskReference(cacheName: string): RefId {
  return `${cacheName}:${randomTaskHex()}`;
}

/** Tells whether a reference is that of a task, or looks like it. */
export function isTaskReference(refId: RefId): boolean {
  return isReference(refId) && refId.length - refId.indexOf(":") - 1 === TASK_DIGITS;
}

/**
 * Checks a cache name: letters, digits, `_` and `-`, beginning with a letter.
 * @throws {ConfigurationError} naming the option.
 */
export function checkCacheName(name: unknown, option = "name"): string {
  if (typeof name === "string" && CACHE_NAME.test(name)) return name;
  throw new ConfigurationError(option, "must begin with a letter and hold only letters, digits, _ and -");
}

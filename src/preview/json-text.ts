import { isContainer, isPresent, strictLeaf } from "./strict-json.js";

/** A list or object being written: what it holds, what of that is next, and whether any has been written. */
interface Open {
  readonly container: object;
  /** The names of an object's members; absent for a list. */
  readonly keys: readonly string[] | undefined;
  next: number;
  isEmpty: boolean;
}

/**
 * The compact JSON text of a value, numbers exactly: a `bigint` as its digits. NaN, infinities and dates are
 * texts, as `strictJson` has them. Takes any depth: no recursion.
 */
export function jsonText(root: unknown): string {
  const written: string[] = [];
  const open: Open[] = [];
  write(root, written, open);
  for (let current = open.at(-1); current !== undefined; current = open.at(-1)) {
    writeNextPart(current, written, open);
  }
  return written.join("");
}

function writeNextPart(current: Open, written: string[], open: Open[]): void {
  const { container, keys } = current;
  const index = current.next++;
  const key = keys?.[index];
  if (index >= (keys ?? (container as unknown[])).length) {
    written.push(keys === undefined ? "]" : "}");
    open.pop();
    return;
  }
  const value =
    key === undefined ? (container as unknown[])[index] : (container as Record<string, unknown>)[key];
  if (key !== undefined && !isPresent(value)) return;
  if (!current.isEmpty) written.push(",");
  current.isEmpty = false;
  if (key !== undefined) written.push(JSON.stringify(key), ":");
  write(value, written, open);
}

function write(value: unknown, written: string[], open: Open[]): void {
  if (!isContainer(value)) {
    written.push(leafText(value));
    return;
  }
  const keys = Array.isArray(value) ? undefined : Object.keys(value);
  written.push(keys === undefined ? "[" : "{");
  open.push({ container: value, keys, next: 0, isEmpty: true });
}

function leafText(value: unknown): string {
  if (typeof value === "bigint") return String(value);
  return typeof value === "number" && Number.isFinite(value)
    ? numberText(value)
    : JSON.stringify(strictLeaf(value));
}

/** As entries are written: digits beyond 2^53 are those of an exact integer, so a `number` gets an exponent. */
function numberText(value: number): string {
  if (Object.is(value, -0)) return "-0.0";
  return Number.isInteger(value) && !Number.isSafeInteger(value) ? value.toExponential() : String(value);
}

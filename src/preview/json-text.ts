import { isContainer, isPresent, strictLeaf } from "./strict-json.js";

/** A list or object being written: what is left of it, and what closes it. */
interface Open {
  readonly parts: Iterator<[key: string | number, value: unknown]>;
  readonly close: "]" | "}";
  empty: boolean;
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
  const next = current.parts.next();
  if (next.done === true) {
    written.push(current.close);
    open.pop();
    return;
  }
  const [key, value] = next.value;
  if (current.close === "}" && !isPresent(value)) return;
  if (!current.empty) written.push(",");
  current.empty = false;
  if (current.close === "}") written.push(JSON.stringify(key), ":");
  write(value, written, open);
}

function write(value: unknown, written: string[], open: Open[]): void {
  if (!isContainer(value)) {
    written.push(leafText(value));
  } else if (Array.isArray(value)) {
    written.push("[");
    open.push({ parts: value.entries(), close: "]", empty: true });
  } else {
    written.push("{");
    open.push({ parts: Object.entries(value).values(), close: "}", empty: true });
  }
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

import { nanoid } from "nanoid";

/** A number that `JSON.parse` would round or refuse may be somewhere in the text, perhaps only inside a string. */
const MAYBE_LOSSY = /(?:^|[^.\d])\d{16,}(?![\d.eE])|NaN|Infinity/;
const NUMBER = /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|-?Infinity|NaN/g;
const LONG_INTEGER = /^-?[1-9]\d{15,}$/;

/**
 * Reads JSON text as either language writes it: integers beyond 2^53 become `bigint`, NaN and the infinities
 * are read as such. Each call returns a fresh copy.
 *
 * @param strictJson `true` when the writer vouches that `JSON.parse` loses nothing.
 * @throws {SyntaxError} when the text is not JSON.
 */
export function decodeValue(json: string, strictJson = false): unknown {
  return strictJson || !MAYBE_LOSSY.test(json) ? JSON.parse(json) : decodeExactly(json);
}

/** Swaps each lossy number for a marked string, lets `JSON.parse` do the rest, and swaps the numbers back in. */
function decodeExactly(json: string): unknown {
  const mark = `${nanoid()}:`;
  const marked = replaceOutsideStrings(json, (token) => (isLossy(token) ? `"${mark}${token}"` : token));
  const root = { value: JSON.parse(marked) as unknown };
  restoreNumbers(root, mark);
  return root.value;
}

function isLossy(token: string): boolean {
  if (token.endsWith("N") || token.endsWith("y")) return true;
  return LONG_INTEGER.test(token) && !Number.isSafeInteger(Number(token));
}

/** Hops from quote to quote rather than matching strings, whose length no regular expression should meet. */
function replaceOutsideStrings(json: string, replace: (token: string) => string): string {
  const parts: string[] = [];
  let position = 0;
  while (position < json.length) {
    const quote = json.indexOf('"', position);
    const end = quote === -1 ? json.length : quote;
    parts.push(json.slice(position, end).replace(NUMBER, replace));
    position = quote === -1 ? end : endOfString(json, quote);
    parts.push(json.slice(end, position));
  }
  return parts.join("");
}

function endOfString(json: string, quote: number): number {
  let end = quote;
  do {
    end = json.indexOf('"', end + 1);
    if (end === -1) return json.length;
  } while (isEscaped(json, end));
  return end + 1;
}

function isEscaped(json: string, position: number): boolean {
  let backslashes = 0;
  while (json.charCodeAt(position - 1 - backslashes) === 0x5c) backslashes++;
  return backslashes % 2 === 1;
}

/** Iterative, since foreign text may be nested deeper than the call stack. */
function restoreNumbers(root: object, mark: string): void {
  const pending = [root as Record<string, unknown>];
  for (let container = pending.pop(); container !== undefined; container = pending.pop()) {
    for (const key of Object.keys(container)) {
      const member = container[key];
      if (typeof member === "string" && member.startsWith(mark))
        container[key] = readNumber(member.slice(mark.length));
      else if (typeof member === "object" && member !== null) pending.push(member as Record<string, unknown>);
    }
  }
}

function readNumber(token: string): number | bigint {
  return LONG_INTEGER.test(token) ? BigInt(token) : Number(token);
}

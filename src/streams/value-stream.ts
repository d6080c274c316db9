/** Text in pieces of any length: text, or bytes of UTF-8, where a piece may end amid a character. */
export type TextSource =
  | string
  | Uint8Array
  | Iterable<string | Uint8Array>
  | AsyncIterable<string | Uint8Array>;

/** Shared by all copies of the package in a process: a tool may have made the stream with another one. */
const STREAM = Symbol.for("mcp-refcache.stream");

/** A value that is given piece by piece, made by {@link fromJson} or {@link fromText}. It can be stored once. */
export interface ValueStream<T = unknown> {
  readonly [STREAM]: {
    readonly kind: "json" | "text";
    readonly source: TextSource;
    /** The type of the value; never there. */
    readonly value?: T;
  };
}

/**
 * A value of which the JSON text is at hand, or comes in pieces. It is checked, and stored as it is: nothing of it is
 * parsed, or held longer than it takes to write it.
 * @example
 * await cache.set("export", fromJson(createReadStream("export.json")));
 */
export function fromJson<T = unknown>(source: TextSource): ValueStream<T> {
  return { [STREAM]: { kind: "json", source } };
}

/**
 * One long text that comes in pieces; the value is a string.
 * @example
 * await cache.set("log", fromText(createReadStream("server.log")));
 */
export function fromText(source: TextSource): ValueStream<string> {
  return { [STREAM]: { kind: "text", source } };
}

/** What a stream is made of: items of a list, pieces of JSON text, or pieces of one text. */
export interface StreamParts {
  readonly kind: "items" | "json" | "text";
  readonly source: TextSource | AsyncIterable<unknown>;
}

/** What a value is made of that comes piece by piece; `undefined` for one that is at hand. */
export function streamParts(value: unknown): StreamParts | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  if (STREAM in value) return (value as ValueStream)[STREAM];
  return Symbol.asyncIterator in value
    ? { kind: "items", source: value as AsyncIterable<unknown> }
    : undefined;
}

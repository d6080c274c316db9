import type { Usage } from "./access/usage.js";
import type { Entry } from "./entry/entry.js";
import { readValue } from "./entry/value.js";
import { EntryUnreadableError } from "./errors.js";
import type { ShowableEntry } from "./large-entries.js";
import { previewLarge } from "./outline/large-preview.js";
import { LARGE_BYTES } from "./outline/outline.js";
import { approximateSize, type SizeMeasure } from "./preview/measure.js";
import { makePreview, type Preview, type PreviewStrategy } from "./preview/preview.js";
import { strictJson } from "./preview/strict-json.js";
import { type MadePreview, type PreviewSubject, recall, remember } from "./recent-previews.js";
import type { ValueStream } from "./streams/value-stream.js";
import type { TaskAnswer } from "./tasks/task-answer.js";

/** A value as it comes back from the store: a `Date` has become text, a `bigint` beyond 2^53 digits, a stream a value. */
export type Stored<T> = T extends Date
  ? string
  : T extends bigint
    ? number | string
    : T extends ValueStream<infer V>
      ? Stored<V>
      : T extends AsyncIterable<infer Item>
        ? Stored<Item>[]
        : T extends object
          ? { [K in keyof T]: Stored<T[K]> }
          : T;

/** What every answer tells. */
interface AnswerBase {
  /** The reference, or `null` when the value could not be stored. */
  ref_id: string | null;
  is_async: false;
  /** `false` when the store failed: there is nothing to refer to. Absent when stored. */
  is_stored?: false;
  /** ISO 8601 time at which the reference ends, `null` for never. */
  expires_at: string | null;
  /** `true` when the result is older than it should be; a new one is being made. Absent when fresh. */
  stale?: true;
}

/** The answer for a small value: the value itself. */
export interface WholeAnswer<T = unknown> extends AnswerBase {
  is_complete: true;
  /** Items of a list, members of an object, else `null`. */
  total_items: number | null;
  /** Size of the value in the unit of the cache's measure. */
  size: number;
  message?: string;
  value: Stored<T>;
  preview?: undefined;
}

/** The answer for a large value: a bounded part of it, and how to get the rest. */
export interface PreviewAnswer extends AnswerBase {
  is_complete: false;
  /** One line on what is shown, what exists and how to get the rest. */
  message: string;
  preview_strategy: PreviewStrategy;
  total_items: number | null;
  page?: number;
  total_pages?: number;
  /** Size of the value in the unit of the cache's measure; sampled for large values. */
  original_size: number;
  preview_size: number;
  preview: unknown;
  value?: undefined;
}

/** The answer for a caller who may use the value and not see it. */
export interface HiddenAnswer extends AnswerBase {
  is_complete: false;
  message: string;
  /** What the value is, where its policy says `showShape`. */
  value_type?: ValueType;
  /** Items of a list, members of an object, where its policy says `showShape`. */
  total_items?: number | null;
  preview?: undefined;
  value?: undefined;
}

/** The types that JSON knows. */
export type ValueType = "list" | "object" | "text" | "number" | "boolean" | "null";

/** What a caller gets back: the value, or a reference with a preview. The members are the wire's, in snake_case. */
export type Answer<T = unknown> = WholeAnswer<T> | PreviewAnswer | HiddenAnswer | TaskAnswer;

/** A value to answer with. */
export interface Result {
  /** `null` when it could not be stored. */
  readonly refId: string | null;
  readonly entry: ShowableEntry;
  /** Whether no other server can read it so far, as the store is away. */
  readonly isLocal?: boolean;
  /** The preview where it was made beforehand, of the value as the tool returned it. */
  readonly preview?: Preview | undefined;
  /** Whether it is past its time, and answered all the same. */
  readonly isStale?: boolean | undefined;
}

/** How to answer. Sizes are in the unit of the measure. */
export interface AnswerRequest {
  /** Whether policy and namespace let the caller see the value. */
  readonly mayRead: boolean;
  /** Whether they let the caller use it, where not see. */
  readonly mayUse?: boolean | undefined;
  readonly measure: SizeMeasure;
  readonly preview: PreviewStrategy;
  readonly maxSize: number;
  /** Show the value whole up to this size, instead of `maxSize`. */
  readonly maxFullSize?: number | undefined;
  readonly page?: number | undefined;
  readonly pageSize?: number | undefined;
  readonly maxPageSize: number;
  /** What the caller asked for, under the names of `get_cached_result`; the next page must be asked for alike. */
  readonly repeat: { readonly page_size?: number | undefined; readonly max_size?: number | undefined };
}

/**
 * Answers with a value, bounded, to a caller who may see it; else with the reference alone, the value not looked at.
 * @param usage what the call had used that is answered, where it is one.
 * @throws {InvalidPageError} when a page is asked for that does not exist; {EntryUnreadableError} when the value is not
 * JSON; {TextChangedError} when a large value is no longer there while its parts are read.
 */
export async function makeAnswer<T>(
  result: Result,
  request: AnswerRequest,
  usage?: Usage,
): Promise<Answer<T>> {
  const answer = await chooseAnswer<T>(result, request);
  answers.set(answer, { result, request, usage });
  return answer;
}

/** What an answer was made of. */
export interface AnswerOrigin {
  readonly result: Result;
  readonly request: AnswerRequest;
  /** What the call that it answers had used, where it answers one. */
  readonly usage: Usage | undefined;
}

/** What an answer of this process was made of; `undefined` for anything else. */
export function originOf(answer: object): AnswerOrigin | undefined {
  return answers.get(answer);
}

/** Tells whether a value is an answer that this process made, and not a tool's own data of the same look. */
export function isAnswer(value: unknown): value is Answer {
  return typeof value === "object" && value !== null && answers.has(value);
}

const answers = new WeakMap<object, AnswerOrigin>();

/** Tells by its look whether a value is an answer that does not hold all of its value; it may have been copied. */
export function isBoundedAnswer(value: unknown): boolean {
  const { ref_id, is_complete, message } = (value ?? {}) as Partial<PreviewAnswer>;
  return (
    (typeof ref_id === "string" || ref_id === null) && is_complete === false && typeof message === "string"
  );
}

async function chooseAnswer<T>(result: Result, request: AnswerRequest): Promise<Answer<T>> {
  if (!request.mayRead) return hiddenAnswer(result, request);
  const paged = request.page !== undefined || request.pageSize !== undefined;
  if (paged) return previewAnswer(result, request, await makeNow(result, request));
  const subject = subjectOf(result, request);
  const recalled = subject && result.refId !== null ? recall(result.refId, subject) : undefined;
  if (recalled !== undefined) return previewAnswer(result, request, recalled);
  const whole = await wholeAnswer<T>(result, request);
  if (whole !== undefined) return whole;
  const made = await makeNow(result, request);
  if (subject && result.refId !== null) remember(result.refId, subject, made);
  return previewAnswer(result, request, made);
}

/** What the preview depends on, where the text is at hand. */
function subjectOf({ entry }: Result, request: AnswerRequest): PreviewSubject | undefined {
  const { json, metadata } = entry;
  if (json === undefined) return undefined;
  const { measure, preview: strategy, maxSize, maxFullSize } = request;
  return { json, strictJson: metadata.strictJson, measure, strategy, maxSize, maxFullSize };
}

async function makeNow(result: Result, request: AnswerRequest): Promise<MadePreview> {
  const preview = result.preview ? copyOf(result.preview) : await previewOfEntry(result, request);
  return { preview, original: await originalSize(result.entry, request.measure) };
}

async function hiddenAnswer(result: Result, { mayUse }: AnswerRequest): Promise<HiddenAnswer> {
  const use = result.refId === null ? NOT_STORED : mayUse ? PASS_ON : "";
  return {
    ...commonPart(result),
    is_complete: false,
    message: ["You may not see this value.", use, localNote(result)].filter(Boolean).join(" "),
    ...(result.entry.policy.showShape === true ? await shapeOf(result.entry) : {}),
  };
}

const PASS_ON = "Pass ref_id to a tool that takes it as an argument.";

async function shapeOf({
  json,
  large,
  metadata,
}: ShowableEntry): Promise<Pick<HiddenAnswer, "value_type" | "total_items">> {
  const kind = json === undefined ? (await large?.())?.outline.root.kind : undefined;
  const type = kind === undefined ? TYPES[json?.trimStart().charAt(0) ?? ""] : TYPES_OF_LARGE[kind];
  return { value_type: type ?? "number", total_items: metadata.totalItems };
}

const TYPES_OF_LARGE = { items: "list", members: "object", characters: "text" } as const;

/** The type of a value by the first character of its JSON text. */
const TYPES: Readonly<Record<string, ValueType>> = {
  "[": "list",
  "{": "object",
  '"': "text",
  t: "boolean",
  f: "boolean",
  n: "null",
};

/** No measure gets more characters than this into one unit, runs of blanks aside; longer texts need no counting. */
const MOST_CHARACTERS_PER_UNIT = 8;

async function wholeAnswer<T>(result: Result, request: AnswerRequest): Promise<WholeAnswer<T> | undefined> {
  const limit = request.maxFullSize ?? request.maxSize;
  const entry = await wholeEntry(result.entry, limit);
  const shown = entry && shownWhole(result.refId, entry, request.measure, limit);
  if (shown === undefined) return undefined;
  const { value, size } = shown;
  const message = result.refId === null ? "The store failed: there is no reference." : localNote(result);
  return {
    ...commonPart(result),
    is_complete: true,
    total_items: result.entry.metadata.totalItems,
    size,
    ...(message === "" ? {} : { message }),
    value: value as Stored<T>,
  };
}

/** The entry with its text, unless that is surely above the limit. */
async function wholeEntry(entry: ShowableEntry, limit: number): Promise<Entry | undefined> {
  const { json, large } = entry;
  if (json !== undefined) return isSurelyLarge(json.length, limit) ? undefined : (entry as Entry);
  const value = await large?.();
  if (value === undefined || isSurelyLarge(value.outline.characters, limit)) return undefined;
  return { ...entry, json: await value.whole() };
}

/** The value as strict JSON with its size, unless that is above the limit; parsed only where it may be shown. */
function shownWhole(
  refId: string | null,
  entry: Entry,
  measure: SizeMeasure,
  limit: number,
): { value: unknown; size: number } | undefined {
  const { json, metadata } = entry;
  const read = () => readValue(refId ?? NO_REFERENCE, entry);
  if (metadata.strictJson === true) {
    const size = measure.count(json);
    return size > limit ? undefined : { value: read(), size };
  }
  const value = strictJson(read());
  const size = measure.count(JSON.stringify(value));
  return size > limit ? undefined : { value, size };
}

function isSurelyLarge(characters: number, limit: number): boolean {
  return characters > limit * MOST_CHARACTERS_PER_UNIT;
}

/**
 * The preview of a value at hand, where it is surely too large to be shown whole: it spares parsing the value, and
 * must be made before the tool goes on with it.
 */
export function previewAtOnce(value: unknown, { json }: Entry, request: AnswerRequest): Preview | undefined {
  const isDivided = request.preview === "paginate" && json.length >= LARGE_BYTES; // by its text
  if (isDivided || !isSurelyLarge(json.length, request.maxSize)) return undefined;
  return copyOf(previewOf(value, request));
}

function previewOf(value: unknown, request: AnswerRequest): Preview {
  return makePreview(value, { ...request, strategy: request.preview });
}

/** Parts of a preview are parts of the value it was made of; and each caller gets a copy of its own. */
function copyOf(made: Preview): Preview {
  return { ...made, preview: JSON.parse(JSON.stringify(made.preview)) };
}

function previewAnswer(
  result: Result,
  request: AnswerRequest,
  { preview: made, original }: MadePreview,
): PreviewAnswer {
  return {
    ...commonPart(result),
    is_complete: false,
    message: describe(made, result, request, original),
    preview_strategy: made.strategy,
    total_items: made.totalItems,
    ...(made.page === undefined ? {} : { page: made.page }),
    ...(made.totalPages === undefined ? {} : { total_pages: made.totalPages }),
    original_size: original,
    preview_size: made.size,
    preview: made.preview,
  };
}

async function previewOfEntry({ refId, entry }: Result, request: AnswerRequest): Promise<Preview> {
  const name = refId ?? NO_REFERENCE;
  const large = await entry.large?.();
  if (large === undefined) return previewOf(readValue(name, { ...entry, json: entry.json ?? "" }), request);
  try {
    return await previewLarge(large, { ...request, strategy: request.preview });
  } catch (error) {
    throw error instanceof SyntaxError ? new EntryUnreadableError(name, "its value is not JSON") : error;
  }
}

async function originalSize({ json, large }: ShowableEntry, measure: SizeMeasure): Promise<number> {
  return json === undefined
    ? ((await (await large?.())?.size(measure)) ?? 0)
    : approximateSize(measure, json);
}

function commonPart({ refId, entry, isStale }: Result): AnswerBase {
  return {
    ref_id: refId,
    is_async: false,
    ...(refId === null ? { is_stored: false as const } : {}),
    expires_at: refId === null || entry.expiresAt === null ? null : new Date(entry.expiresAt).toISOString(),
    ...(isStale === true ? { stale: true as const } : {}),
  };
}

const NO_REFERENCE = "unstored:";
const NOT_STORED =
  "The store failed: there is no reference, and no more than this. Call again later if you need one.";

const LOCAL = "The store is away: for now, ref_id works on this server only.";

function localNote({ isLocal }: Result): string {
  return isLocal === true ? LOCAL : "";
}

function describe(made: Preview, result: Result, request: AnswerRequest, original: number): string {
  const parts = [describeShown(made)];
  if (made.shortened) parts.push("Long parts are shortened.");
  if (request.maxFullSize !== undefined) {
    parts.push(
      `In full it is about ${original} ${request.measure.unit}; at most ${request.maxFullSize} are shown.`,
    );
  }
  parts.push(result.refId === null ? NOT_STORED : howToGoOn(made, request), localNote(result));
  return parts.filter(Boolean).join(" ");
}

function describeShown({ shown, page, totalPages, strategy }: Preview): string {
  const what = shown.unit === "json" ? "characters of its JSON text (join all pages)" : shown.unit;
  if (page !== undefined)
    return `Page ${page} of ${totalPages}: ${rangeOf(shown)} of ${shown.total} ${what}.`;
  if (strategy === "truncate" || shown.unit === "characters")
    return `Showing the first ${shown.count} of ${shown.total} ${what}.`;
  const isSpread = shown.count > 1 && shown.count < shown.total;
  return `Showing ${shown.count} of ${shown.total} ${what}${isSpread ? ", evenly spaced" : ""}.`;
}

/** Counted from 1, as people and pages do. */
function rangeOf({ from = 0, to = from, count }: Preview["shown"]): string {
  return count === 0 ? "0" : `${from + 1}-${to}`;
}

function howToGoOn({ page, totalPages }: Preview, { repeat }: AnswerRequest): string {
  const use = "Pass ref_id in place of the data to use all of it in another tool.";
  const next = page === undefined ? 1 : page + 1;
  if (totalPages !== undefined && next > totalPages) return use;
  const alike = page === undefined ? [] : Object.entries(repeat).filter(([, value]) => value !== undefined);
  const options = [["page", next], ...alike].map(([name, value]) => `, ${name}=${value}`).join("");
  return `Read on: get_cached_result(ref_id${options}). ${use}`;
}

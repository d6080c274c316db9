import type { Outlines } from "./at-rest/outlines.js";
import type { CacheBackend, Look } from "./backends/backend.js";
import { hasRanges } from "./backends/backend.js";
import type { Background } from "./coordination/background.js";
import type { Entry, EntryHead } from "./entry/entry.js";
import { EntryUnreadableError, StoreError } from "./errors.js";
import { inTurns } from "./in-turns.js";
import { buildOutline } from "./outline/build.js";
import { LargeValue } from "./outline/large-value.js";
import { LARGE_BYTES, type Outline } from "./outline/outline.js";
import { StoredText } from "./outline/stored-text.js";
import { HeldText } from "./outline/text.js";
import type { RefId } from "./reference.js";

/** An entry to answer with: at hand, or large, with parts that are read when they are shown; or both. */
export interface ShowableEntry extends EntryHead {
  /** The text of the value, where it is at hand. */
  readonly json?: string;
  /** The value by its parts, where its text is large; `undefined` where it has none, as a number of many digits. */
  readonly large?: () => Promise<LargeValue | undefined>;
}

/** Finds the parts of large values, and sees to it that the next reader, on whatever server, finds them at once. */
export class LargeEntries {
  readonly #backend: CacheBackend;
  readonly #background: Background;
  readonly #outlines: Outlines;
  /** By the text they are of, as long as that is at hand. */
  readonly #values = new WeakMap<Entry, Promise<LargeValue | undefined>>();

  constructor(backend: CacheBackend, background: Background, outlines: Outlines) {
    this.#backend = backend;
    this.#background = background;
    this.#outlines = outlines;
  }

  /** An entry at hand. */
  whole(entry: Entry): ShowableEntry {
    return entry.json.length < LARGE_BYTES ? entry : { ...entry, large: () => this.#valueOf(entry) };
  }

  /** An entry at hand, of whose text the outline is known. */
  known(entry: Entry, outline: Outline | undefined, text: Uint8Array): Entry {
    if (outline !== undefined && entry.json.length >= LARGE_BYTES) {
      const value = new LargeValue(outline, new HeldText(text), entry.metadata.strictJson);
      this.#values.set(entry, Promise.resolve(value));
    }
    return entry;
  }

  /** What is to be kept beside an entry whose text is not at hand; `undefined` where nothing is. */
  outlineToKeep(refId: RefId, sealed: EntryHead, outline: Outline): Uint8Array | undefined {
    return hasRanges(this.#backend) ? this.#outlines.writeMapped(refId, sealed, outline) : undefined;
  }

  /** A large entry of which head and outline were seen; `undefined` where it must be read whole. */
  partly(refId: RefId, { head, outline: written, textAt }: Look): ShowableEntry | undefined {
    const backend = this.#backend;
    const readable = written && this.#outlines.read(refId, head, written);
    if (readable === undefined || !hasRanges(backend)) return undefined;
    const { outline } = readable;
    const stored = readable.over((ranges) => backend.readRanges(refId, ranges, textAt));
    const text = new StoredText(stored, outline);
    const value = new LargeValue(outline, text, head.metadata.strictJson);
    return { ...head, large: async () => value };
  }

  /**
   * Keeps the outline of a large entry beside it, in the background.
   * @param sealed as it is in the store; a text that is not the value's own has no parts to be read.
   */
  keepOutline(refId: RefId, entry: Entry, sealed: Entry): void {
    const backend = this.#backend;
    if (entry.json.length < LARGE_BYTES || !hasRanges(backend)) return;
    if (!this.#outlines.isDivisible(entry, sealed)) return;
    this.#background.start(`outline:${refId}`, async () => {
      const value = await this.#valueOf(entry);
      if (value === undefined) return;
      const written = await inTurns(this.#outlines.write(refId, sealed, value.outline));
      if (written === undefined) return;
      // Nobody waits for it: without an outline, the next reader reads the whole.
      await backend.keepOutline(refId, sealed, written).catch(ifOfStore);
    });
  }

  #valueOf(entry: Entry): Promise<LargeValue | undefined> {
    const known = this.#values.get(entry) ?? outlined(entry);
    this.#values.set(entry, known);
    return known;
  }
}

async function outlined({ json, metadata }: Entry): Promise<LargeValue | undefined> {
  const text = Buffer.from(json);
  const outline: Outline | undefined = await buildOutline(text);
  return outline && new LargeValue(outline, new HeldText(text), metadata.strictJson);
}

function ifOfStore(error: unknown): void {
  if (!(error instanceof StoreError || error instanceof EntryUnreadableError)) throw error;
}

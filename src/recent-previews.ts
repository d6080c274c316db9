import { LRUCache } from "lru-cache";
import type { SizeMeasure } from "./preview/measure.js";
import type { Preview, PreviewStrategy } from "./preview/preview.js";

/** What a preview depends on. */
export interface PreviewSubject {
  readonly json: string;
  readonly strictJson: boolean | undefined;
  readonly measure: SizeMeasure;
  readonly strategy: PreviewStrategy;
  readonly maxSize: number;
  readonly maxFullSize: number | undefined;
}

/** A preview, and the size of the whole in the same unit. */
export interface MadePreview {
  readonly preview: Preview;
  readonly original: number;
}

interface Kept extends PreviewSubject {
  /** What is shown, as JSON text: each reader gets a copy of its own. */
  readonly shown: string;
  readonly preview: Preview;
  readonly original: number;
}

/** Characters of values whose previews are remembered; most backends hold the same text anyway. */
const MOST_CHARACTERS = 16 * 1024 * 1024;
const MOST_PREVIEWS = 1000;

/** By reference, the preview that was made last. A value that was asked for a moment ago is asked for again. */
const kept = new LRUCache<string, Kept>({
  max: MOST_PREVIEWS,
  maxSize: MOST_CHARACTERS,
  sizeCalculation: ({ json, shown }) => json.length + shown.length,
});

/** The preview that was made of exactly this text, in exactly this way. */
export function recall(refId: string, subject: PreviewSubject): MadePreview | undefined {
  const known = kept.get(refId);
  if (known === undefined || !isOf(subject, known)) return undefined;
  const { preview, shown, original } = known;
  return { preview: { ...preview, preview: JSON.parse(shown) }, original };
}

/** Remembers a preview that was made. */
export function remember(refId: string, subject: PreviewSubject, { preview, original }: MadePreview): void {
  kept.set(refId, {
    ...subject,
    original,
    shown: JSON.stringify(preview.preview),
    preview: { ...preview, preview: null },
  });
}

/** The texts last: comparing two that are equal, and not the same object, takes as long as copying one. */
function isOf(subject: PreviewSubject, known: Kept): boolean {
  return (
    known.strategy === subject.strategy &&
    known.maxSize === subject.maxSize &&
    known.maxFullSize === subject.maxFullSize &&
    known.measure === subject.measure &&
    known.strictJson === subject.strictJson &&
    known.json === subject.json
  );
}

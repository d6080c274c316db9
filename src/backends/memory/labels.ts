import type { EntryHead } from "../../entry/entry.js";
import { type Label, type Labelled, labelsOf, labelText } from "../../entry/labels.js";
import type { MayRemove } from "../backend.js";

/** References by label; exact, as it is told of every entry that comes and goes. */
export class LabelIndex {
  readonly #references = new Map<string, Set<string>>();

  /** Notes the tool and the tags of an entry that was stored. */
  add(refId: string, entry: Labelled): void {
    for (const label of labelsOf(entry)) this.#setOf(labelText(label)).add(refId);
  }

  /** Forgets an entry that is gone. */
  remove(refId: string, entry: Labelled): void {
    for (const label of labelsOf(entry)) {
      const text = labelText(label);
      const references = this.#references.get(text);
      references?.delete(refId);
      if (references?.size === 0) this.#references.delete(text);
    }
  }

  /** The references under a tool or a tag. May be walked while it changes. */
  of(label: Label): ReadonlySet<string> | undefined {
    return this.#references.get(labelText(label));
  }

  /** Forgets everything. */
  clear(): void {
    this.#references.clear();
  }

  #setOf(text: string): Set<string> {
    const known = this.#references.get(text);
    if (known !== undefined) return known;
    const references = new Set<string>();
    this.#references.set(text, references);
    return references;
  }
}

/** What is needed of the store to remove entries one by one. */
export interface RemovableEntries {
  head(refId: string): Promise<EntryHead | undefined>;
  /** Removes an entry and the name that leads to it; tells whether it was live. */
  remove(refId: string): boolean;
}

/** Removes what may go of a walk over references; tells how many. */
export async function removeWalked(
  walk: AsyncIterable<string>,
  entries: RemovableEntries,
  mayRemove: MayRemove,
): Promise<number> {
  let removed = 0;
  for await (const refId of walk) {
    const head = await entries.head(refId);
    if (head !== undefined && (await mayRemove(refId, head)) && entries.remove(refId)) removed++;
  }
  return removed;
}

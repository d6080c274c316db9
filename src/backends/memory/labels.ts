import { type Label, type Labelled, labelsOf, labelText } from "../../entry/labels.js";

/** Slots by tool and by tag; exact, as it is told of every entry that comes and goes. */
export class LabelIndex {
  readonly #slots = new Map<string, Set<number>>();

  /** Notes the tool and the tags of what is in a slot. */
  add(slot: number, entry: Labelled): void {
    for (const label of labelsOf(entry)) {
      const text = labelText(label);
      const slots = this.#slots.get(text);
      if (slots === undefined) this.#slots.set(text, new Set([slot]));
      else slots.add(slot);
    }
  }

  /** Forgets what was in a slot. */
  remove(slot: number, entry: Labelled): void {
    for (const label of labelsOf(entry)) {
      const text = labelText(label);
      const slots = this.#slots.get(text);
      slots?.delete(slot);
      if (slots?.size === 0) this.#slots.delete(text);
    }
  }

  /** The slots under a tool or a tag as they are now. */
  of(label: Label): Uint32Array {
    return Uint32Array.from(this.#slots.get(labelText(label)) ?? []);
  }
}

import type { Parts } from "./parts.js";
import type { RemoteText } from "./remote.js";
import { beginning, fittingBeginning, PREVIEW_LEVELS } from "./shorten.js";
import type { Draft } from "./types.js";
import type { Weigher } from "./weigher.js";

/** The first parts of a list or object: as many as fit whole, the last one shortened where that uses the room. */
export function firstParts(parts: Parts, weigher: Weigher, weight: number): Draft {
  const inside = { weight: weight - weigher.brackets + weigher.comma, levels: PREVIEW_LEVELS - 1 };
  const { shown, whole } = beginning(parts, weigher, inside);
  return {
    preview: parts.build(shown),
    shown: { unit: parts.kind, from: 0, to: shown.length, count: shown.length, total: parts.count },
    shortened: !whole,
  };
}

/** The first characters of a text: as many as fit. */
export function firstCharacters(text: string | RemoteText, weigher: Weigher, weight: number): Draft {
  const preview = fittingBeginning(text, weigher, weight - weigher.brackets);
  const { length } = preview;
  return {
    preview,
    shown: { unit: "characters", from: 0, to: length, count: length, total: text.length },
    shortened: false,
  };
}

import { Parts } from "./parts.js";
import { RemoteText } from "./remote.js";
import { sampleParts } from "./sample.js";
import { shorten } from "./shorten.js";
import { isContainer, type StrictLeaf, strictLeaf } from "./strict-json.js";
import { firstCharacters, firstParts } from "./truncate.js";
import type { Draft, Drafter } from "./types.js";
import type { Weigher } from "./weigher.js";

/** What drafts previews of a value, for a weight that is given each time. */
export function draftFor(value: unknown, strategy: "sample" | "truncate", weigher: Weigher): Drafter {
  if (value instanceof RemoteText) return (weight) => firstCharacters(value, weigher, weight);
  if (isContainer(value)) {
    const draft = strategy === "sample" ? sampleParts : firstParts;
    const parts = new Parts(value);
    return (weight) => draft(parts, weigher, weight);
  }
  const leaf = strictLeaf(value);
  if (typeof leaf === "string") return (weight) => firstCharacters(leaf, weigher, weight);
  return (weight) => draftScalar(leaf, weigher, weight);
}

/** A number, boolean or null: there is no showing a part of it. */
function draftScalar(leaf: StrictLeaf, weigher: Weigher, weight: number): Draft {
  const piece = shorten(leaf, weigher, { weight, levels: 0 });
  const total = String(leaf).length;
  return {
    preview: piece?.value ?? null,
    shown: { unit: "json", count: piece?.whole ? total : 0, total },
    shortened: piece?.whole !== true,
  };
}

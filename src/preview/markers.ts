const thousands = new Intl.NumberFormat("en-US");

/** Stands for what there was no room to describe, or even to count. */
export const ELLIPSIS = "…";

/** Stands for what lies deeper than previews go. */
export const DEEPER = "… deeper";

type Countable = "items" | "members" | "characters";

/** Says what was left out at the end: "… 9,990 more items". */
export function moreMarker(count: number, unit: Countable): string {
  return `${ELLIPSIS} ${moreText(count, unit)}`;
}

/** The same without the ellipsis, where that is the name of the member: "12 more members". */
export function moreText(count: number, unit: Countable): string {
  return `${thousands.format(count)} more ${count === 1 ? unit.slice(0, -1) : unit}`;
}

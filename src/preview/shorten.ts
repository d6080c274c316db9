import { DEEPER, ELLIPSIS, moreMarker, moreText } from "./markers.js";
import { Parts, type ShownPart } from "./parts.js";
import { RemoteText } from "./remote.js";
import { shareOut } from "./share.js";
import { isContainer, setMember, strictJson, strictLeaf } from "./strict-json.js";
import { type Allowance, weighValue } from "./weigh-value.js";
import type { Weigher } from "./weigher.js";

/** Levels of lists and objects a sample or a beginning goes down; what lies deeper is left out. */
export const PREVIEW_LEVELS = 32;

/** Ordinary characters a member should have room for before all members of an object are shown. */
const ROOM_PER_MEMBER = 40;

/** A strict JSON structure that stands for a value, and what its JSON text weighs. */
export interface Piece {
  readonly value: unknown;
  readonly weight: number;
  /** Whether nothing was left out. */
  readonly whole: boolean;
}

/** Some parts of a list or object, at most as heavy as allowed. A comma is counted with each. */
export interface Selection {
  readonly shown: readonly ShownPart[];
  readonly weight: number;
  /** Whether all that are shown are whole. */
  readonly whole: boolean;
}

/**
 * A value within a weight: as it is where it fits, else shortened inside, with a text at the end of every
 * list, object and string that was cut. `undefined` when there is not even room for an ellipsis.
 */
export function shorten(value: unknown, weigher: Weigher, allowed: Allowance): Piece | undefined {
  const weight = weighValue(value, weigher, allowed.weight, allowed.levels);
  if (weight <= allowed.weight) return { value: strictJson(value), weight, whole: true };
  return cut(value, weigher, allowed) ?? textPiece(ELLIPSIS, weigher, allowed.weight);
}

function cut(value: unknown, weigher: Weigher, allowed: Allowance): Piece | undefined {
  if (value instanceof RemoteText || !isContainer(value)) return cutString(value, weigher, allowed.weight);
  if (allowed.levels <= 0) return textPiece(DEEPER, weigher, allowed.weight);
  return cutContainer(new Parts(value), weigher, allowed);
}

function cutString(leaf: unknown, weigher: Weigher, limit: number): Piece | undefined {
  const text = leaf instanceof RemoteText ? leaf : strictLeaf(leaf);
  if (typeof text !== "string" && !(text instanceof RemoteText)) return undefined;
  // The count of all characters is never shorter to write than that of the ones left out.
  const marker = weigher.string(moreMarker(text.length, "characters"));
  const shown = fittingBeginning(text, weigher, limit - marker);
  return textPiece(shown + moreMarker(text.length - shown.length, "characters"), weigher, limit);
}

/** As much of the beginning of a text as fits a weight when written inside a JSON string. */
export function fittingBeginning(text: string | RemoteText, weigher: Weigher, weight: number): string {
  const most = Math.max(0, Math.ceil(weight / weigher.lightest));
  const beginning = typeof text === "string" ? text : text.beginning(most);
  return beginning.slice(0, weigher.fit(beginning, 0, weight));
}

function textPiece(text: string, weigher: Weigher, limit: number): Piece | undefined {
  const weight = weigher.string(text, limit);
  return weight <= limit ? { value: text, weight, whole: false } : undefined;
}

function cutContainer(parts: Parts, weigher: Weigher, allowed: Allowance): Piece | undefined {
  const frame = weigher.brackets + markerWeight(parts, weigher);
  const inside = { weight: allowed.weight - frame, levels: allowed.levels - 1 };
  if (inside.weight < 0) return undefined;
  const { shown, weight } = hasRoomForAll(parts, weigher, inside.weight)
    ? spread(parts, allIndices(parts), weigher, inside)
    : beginning(parts, weigher, inside);
  const left = parts.count - shown.length;
  const value = parts.build(shown);
  if (left > 0) addMarker(value, left);
  return { value, weight: frame + weight, whole: false };
}

/** An object tells most by its members, so all are shown, shortened, where each gets a little room. */
export function hasRoomForAll(parts: Parts, weigher: Weigher, weight: number): boolean {
  return parts.kind === "members" && parts.count * ROOM_PER_MEMBER * weigher.typical <= weight;
}

/** The indices of all parts. */
export function allIndices(parts: Parts): number[] {
  return Array.from({ length: parts.count }, (_, index) => index);
}

/**
 * The parts at some indices; those too large for a fair share of the weight are shortened.
 * @param telling leave out a part of which nothing but an ellipsis would be shown.
 */
export function spread(
  parts: Parts,
  indices: readonly number[],
  weigher: Weigher,
  allowed: Allowance,
  telling = false,
): Selection {
  const { whole, large, spare } = shareOut(parts, indices, weigher, allowed);
  const shortened = new Map<number, Piece>();
  let left = spare;
  large.forEach((index, done) => {
    const share = { weight: left / (large.length - done), levels: allowed.levels };
    const piece = shortenPart(parts, index, weigher, share);
    if (piece === undefined || (telling && isEllipsis(piece))) return;
    shortened.set(index, piece);
    left -= piece.weight;
  });
  const shown = indices.flatMap((index) => {
    if (whole.has(index)) return [{ index, value: strictJson(parts.value(index)) }];
    const piece = shortened.get(index);
    return piece === undefined ? [] : [{ index, value: piece.value }];
  });
  const isWhole = [...shortened.values()].every((piece) => piece.whole);
  return { shown, weight: allowed.weight - left, whole: isWhole };
}

function isEllipsis({ value, whole }: Piece): boolean {
  return !whole && value === ELLIPSIS;
}

/** As many parts from the first on as fit. One more is shortened, where that uses the weight much better. */
export function beginning(parts: Parts, weigher: Weigher, allowed: Allowance): Selection {
  const shown: ShownPart[] = [];
  let left = allowed.weight;
  for (let index = 0; index < parts.count; index++) {
    const weight = parts.weigh(index, weigher, { weight: left, levels: allowed.levels });
    if (weight > left) break;
    shown.push({ index, value: strictJson(parts.value(index)) });
    left -= weight;
  }
  const next = shown.length;
  const isRoomy = next === 0 || left > allowed.weight / 4;
  const rest = { weight: left, levels: allowed.levels };
  const piece = isRoomy && next < parts.count ? shortenPart(parts, next, weigher, rest) : undefined;
  if (piece === undefined) return { shown, weight: allowed.weight - left, whole: true };
  shown.push({ index: next, value: piece.value });
  return { shown, weight: allowed.weight - left + piece.weight, whole: false };
}

/** A part with its key and comma; keys are never shortened, since two might become one. */
function shortenPart(parts: Parts, index: number, weigher: Weigher, allowed: Allowance): Piece | undefined {
  const frame = parts.weighFrame(index, weigher, allowed.weight);
  const rest = { weight: allowed.weight - frame, levels: allowed.levels };
  const piece = frame <= allowed.weight ? shorten(parts.value(index), weigher, rest) : undefined;
  return piece && { ...piece, weight: piece.weight + frame };
}

function markerWeight(parts: Parts, weigher: Weigher): number {
  if (parts.kind === "items") return weigher.string(moreMarker(parts.count, "items"));
  // Room for the name to grow, should the object have a member of that name.
  return (
    weigher.string(ELLIPSIS.repeat(3)) + weigher.colon + weigher.string(moreText(parts.count, "members"))
  );
}

function addMarker(value: unknown[] | object, left: number): void {
  if (Array.isArray(value)) {
    value.push(moreMarker(left, "items"));
    return;
  }
  let name = ELLIPSIS;
  while (Object.hasOwn(value, name)) name += ELLIPSIS;
  setMember(value, name, moreText(left, "members"));
}

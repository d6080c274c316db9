import type { Actor } from "./actor.js";

/** Everything but visible ASCII without the characters that mean something in a pattern, a namespace or an escape. */
const ESCAPED = /[^!#$&-)+-9;->@-Z^-z|~]/gu;
const HAS_ESCAPED = new RegExp(ESCAPED, "u");

/**
 * An id as it stands in actor texts and namespaces. `:`, `*`, blanks, and whatever is not plain ASCII are
 * percent-encoded, so that no id can pose as another, or as a pattern.
 */
export function encodeId(id: string): string {
  if (!HAS_ESCAPED.test(id)) return id;
  return id.replace(ESCAPED, (character) =>
    bytesOf(character).reduce(
      (text, byte) => `${text}%${byte.toString(16).toUpperCase().padStart(2, "0")}`,
      "",
    ),
  );
}

/** In UTF-8; half of a surrogate pair, which UTF-8 would make U+FFFD, as bytes that nothing decodes. */
function bytesOf(character: string): Uint8Array {
  const code = character.charCodeAt(0);
  if (character.length > 1 || code < 0xd800 || code > 0xdfff) return Buffer.from(character);
  return Uint8Array.of(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 0x3f), 0x80 | (code & 0x3f));
}

/** The text form that policies list: `type:id`, with nothing behind the colon for an anonymous actor. */
export function actorText(actor: Actor): string {
  return `${actor.type}:${actor.id === undefined ? "" : encodeId(actor.id)}`;
}

/**
 * Tells whether a text is an id, encoded, or as other writers have it: as it is. The latter counts only where it
 * cannot be the encoding of another id.
 */
export function namesId(text: string, id: string): boolean {
  return text === encodeId(id) || (text === id && !text.includes("%"));
}

/** Tells whether a text may be what {@link encodeId} makes of an id. */
export function isEncoded(text: string): boolean {
  return encodeId(text.replaceAll("%", "")) === text.replaceAll("%", "");
}

/** The actor whom a text `user:<id>` or `agent:<id>` names, encoded or as it is; `undefined` for any other text. */
export function actorNamed(text: string): Actor | undefined {
  const [, type, id = ""] = /^(user|agent):(.+)$/s.exec(text) ?? [];
  if (type === undefined) return undefined;
  const decoded = isEncoded(id) ? decodeId(id) : id;
  return namesId(id, decoded) ? { type: type as Actor["type"], id: decoded } : undefined;
}

/** The reverse of {@link encodeId}; `""` for what it cannot have made. */
export function decodeId(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}

/** Tells whether a policy's owner is this actor, which must have an id. */
export function isOwner(owner: string, { type, id }: Actor): boolean {
  return id !== undefined && owner.startsWith(`${type}:`) && namesId(owner.slice(type.length + 1), id);
}

/** Tells whether a list of actors names this one; `*` in it stands for any run of characters. */
export function listsActor(patterns: readonly string[], actor: Actor): boolean {
  const text = actorText(actor);
  return patterns.some((pattern) => matches(pattern, text) || isOwner(pattern, actor));
}

/** Like {@link listsActor}, on the safe side of a denial: also what matches the id as it is. */
export function mayListActor(patterns: readonly string[], actor: Actor): boolean {
  const plain = `${actor.type}:${actor.id ?? ""}`;
  return listsActor(patterns, actor) || patterns.some((pattern) => matches(pattern, plain));
}

/** Matches `*` as any run of characters, in linear time: patterns come from the store. */
export function matches(pattern: string, text: string): boolean {
  const [first = "", ...rest] = pattern.split("*");
  const last = rest.pop();
  if (last === undefined) return pattern === text;
  if (!text.startsWith(first)) return false;
  let position = first.length;
  for (const part of rest) {
    const found = text.indexOf(part, position);
    if (found === -1) return false;
    position = found + part.length;
  }
  return text.length - last.length >= position && text.endsWith(last);
}

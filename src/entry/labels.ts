import { z } from "zod";
import { ConfigurationError } from "../errors.js";
import type { EntryHead } from "./entry.js";

/** What entries can be found by when they are to be removed together. */
export type LabelKind = "namespace" | "tool" | "tag";

/** One thing that entries have in common: their namespace, the tool that made them, or a tag. */
export interface Label {
  readonly kind: LabelKind;
  readonly name: string;
}

/** What an entry is labelled with, or one to be. */
export interface Labelled {
  readonly namespace: string;
  readonly metadata: Pick<EntryHead["metadata"], "toolName" | "tags">;
}

/** Tags of one entry, at most. */
const MOST_TAGS = 32;
/** Characters of a tag, at most. */
const LONGEST_TAG = 128;

/** What a list of tags must be. */
export const tagsShape = z
  .array(
    z
      .string()
      .min(1, "must not be an empty text")
      .max(LONGEST_TAG, `must have at most ${LONGEST_TAG} characters`),
    {
      message: "must be a list of texts",
    },
  )
  .max(MOST_TAGS, `must be at most ${MOST_TAGS}`);

/**
 * Checks tags that come from outside; equal ones count once.
 * @throws {ConfigurationError} naming the option. Never quotes a tag, which may be made of arguments.
 */
export function checkTags(tags: unknown, option = "tags"): readonly string[] {
  const { data, error } = tagsShape.safeParse(tags);
  const issue = error?.issues[0];
  if (issue !== undefined) throw new ConfigurationError([option, ...issue.path].join("."), issue.message);
  return [...new Set(data)];
}

/** Tool and tags of an entry: the labels an index of their own is kept of. */
export function labelsOf({ metadata: { toolName, tags = [] } }: Labelled): readonly Label[] {
  const ofTags = tags.map((name): Label => ({ kind: "tag", name }));
  return toolName === null ? ofTags : [{ kind: "tool", name: toolName }, ...ofTags];
}

/** Tells whether an entry bears a label. An index may be out of date, so whoever removes by one asks this first. */
export function bears({ namespace, metadata: { toolName, tags } }: Labelled, { kind, name }: Label): boolean {
  if (kind === "namespace") return namespace === name;
  return kind === "tool" ? toolName === name : tags?.includes(name) === true;
}

/** A label as one text, distinct for distinct labels. */
export function labelText({ kind, name }: Label): string {
  return `${kind}:${name}`;
}

import type { TaskContext } from "mcp-refcache";
import type { Archive, Document } from "./archive.js";
import { describeText, keywordsOf, similarity, type TextFacts } from "./text.js";

/** How thorough an analysis is: `quick` counts, `standard` finds keywords as well, `deep` compares all pairs, too. */
export type Depth = "quick" | "standard" | "deep";

/** What is told of one document. */
export interface DocumentReport extends TextFacts {
  readonly name: string;
  readonly keywords?: readonly string[];
  readonly similar_to?: readonly { readonly name: string; readonly similarity: number }[];
}

/** Milliseconds that the archive takes for a text: 5, 10 and 20 s for its own twelve. */
const READING_MS: Record<Depth, number> = { quick: 417, standard: 833, deep: 1667 };
const LEAST_SIMILARITY = 0.05;

/**
 * Analyses documents, one after the other.
 * @throws the signal's reason, once it is aborted.
 */
export async function analyse(
  archive: Archive,
  documents: readonly Document[],
  depth: Depth,
  { progress, signal }: Pick<TaskContext, "progress" | "signal">,
): Promise<DocumentReport[]> {
  const total = documents.length;
  const facts: TextFacts[] = [];
  for (const document of documents) {
    progress({ current: facts.length, total, message: `Reading ${document.name}` });
    facts.push(describeText(await archive.read(document, READING_MS[depth], signal)));
  }
  progress({ current: total, total, message: "Writing the report" });
  const named = documents.map(({ name }, n) => ({ name, ...(facts[n] as TextFacts) }));
  return named.map((document) => reportOn(document, named, depth));
}

type NamedFacts = TextFacts & Pick<Document, "name">;

function reportOn(document: NamedFacts, all: readonly NamedFacts[], depth: Depth): DocumentReport {
  if (depth === "quick") return document;
  const keywords = keywordsOf(document, all);
  if (depth === "standard") return { ...document, keywords };
  const others = all.filter((other) => other !== document);
  const pairs = others.map((other) => ({ name: other.name, similarity: similarity(document, other, all) }));
  const similar = pairs.filter((pair) => pair.similarity >= LEAST_SIMILARITY);
  return { ...document, keywords, similar_to: similar.sort((a, b) => b.similarity - a.similarity) };
}

/** What is found out about one text. */
export interface TextFacts {
  readonly words: number;
  readonly sentences: number;
  /** Flesch's reading ease: 90 is easy, 30 is hard. */
  readonly reading_ease: number;
  /** How often each word is in it, without the most common ones; the most frequent first. */
  readonly counts: Readonly<Record<string, number>>;
}

/** Counts a text. */
export function describeText(text: string): TextFacts {
  const words = wordsOf(text);
  const sentences = Math.max(1, (text.match(/[.!?](?=\s|$)/g) ?? []).length);
  const syllables = words.reduce((sum, word) => sum + syllablesOf(word), 0);
  const perWord = syllables / Math.max(1, words.length);
  return {
    words: words.length,
    sentences,
    reading_ease: round(206.835 - 1.015 * (words.length / sentences) - 84.6 * perWord),
    counts: countsOf(words.filter((word) => word.length > 2 && !COMMON.has(word))),
  };
}

/** The words that tell a text from the others: frequent in it, and in few of them. */
export function keywordsOf({ counts }: TextFacts, all: readonly TextFacts[], most = 5): string[] {
  return Object.entries(weightsOf(counts, all))
    .sort(([a, x], [b, y]) => y - x || a.localeCompare(b))
    .slice(0, most)
    .map(([word]) => word);
}

/** How alike two texts are, from 0 to 1: the cosine of the angle between their weighted words. */
export function similarity(one: TextFacts, other: TextFacts, all: readonly TextFacts[]): number {
  const [a, b] = [weightsOf(one.counts, all), weightsOf(other.counts, all)];
  const product = Object.entries(a).reduce((sum, [word, weight]) => sum + weight * (b[word] ?? 0), 0);
  const length = norm(a) * norm(b);
  return length === 0 ? 0 : round(product / length, 3);
}

function wordsOf(text: string): string[] {
  return text.toLowerCase().match(/\p{L}+/gu) ?? [];
}

/** Groups of vowels: right for most English words. */
function syllablesOf(word: string): number {
  return Math.max(1, (word.replace(/e$/, "").match(/[aeiouy]+/g) ?? []).length);
}

function countsOf(words: readonly string[]): Record<string, number> {
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return Object.fromEntries([...counts].sort(([a, x], [b, y]) => y - x || a.localeCompare(b)));
}

/** Term frequency by inverse document frequency. */
function weightsOf(counts: TextFacts["counts"], all: readonly TextFacts[]): Record<string, number> {
  const weight = ([word, count]: [string, number]): [string, number] => {
    const having = all.filter((facts) => Object.hasOwn(facts.counts, word)).length;
    return [word, count * Math.log((1 + all.length) / (1 + having))];
  };
  return Object.fromEntries(Object.entries(counts).map(weight));
}

function norm(weights: Record<string, number>): number {
  return Math.sqrt(Object.values(weights).reduce((sum, weight) => sum + weight ** 2, 0));
}

function round(value: number, digits = 1): number {
  return Number(value.toFixed(digits));
}

const COMMON = new Set(
  "the and that its for was with from are not but his her had has have him she they them were which when where what who will would can could one two all any each every into over out off than then there their this these those some such only other more most much many own same too very just like long before after again also been being both did does how nor now she since so still though until upon while why you your".split(
    " ",
  ),
);

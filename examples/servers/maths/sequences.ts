import { primes } from "./primes.js";

/** Sequences by name, each with the most terms that stay of a sensible size. */
export const MOST_TERMS = {
  fibonacci: 10_000,
  prime: 1_000_000,
  arithmetic: 1_000_000,
  geometric: 1000,
  triangular: 1_000_000,
  factorial: 1000,
} as const;

/** The name of a sequence. */
export type SequenceKind = keyof typeof MOST_TERMS;

/** Which terms of which sequence; `start`, `step` and `ratio` are for the arithmetic and geometric ones. */
export interface SequenceRequest {
  readonly kind: SequenceKind;
  readonly count: number;
  readonly start: number;
  readonly step: number;
  readonly ratio: number;
}

/** The terms of a sequence; those that outgrow a double are exact, as `bigint`. */
export function sequence({ kind, count, start, step, ratio }: SequenceRequest): (number | bigint)[] {
  switch (kind) {
    case "fibonacci":
      return fibonacci(count);
    case "prime":
      return primes(count);
    case "arithmetic":
      return Array.from({ length: count }, (_, index) => start + index * step);
    case "geometric":
      return geometric(count, start, ratio);
    case "triangular":
      return Array.from({ length: count }, (_, index) => ((index + 1) * (index + 2)) / 2);
    case "factorial":
      return running(count, 1n, (term, index) => term * BigInt(index));
  }
}

/** The first Fibonacci numbers, from 0. */
export function fibonacci(count: number): bigint[] {
  let next = 1n;
  return running(count, 0n, (term) => {
    const following = next;
    next += term;
    return following;
  });
}

function geometric(count: number, start: number, ratio: number): (number | bigint)[] {
  if (Number.isSafeInteger(start) && Number.isSafeInteger(ratio)) {
    return running(count, BigInt(start), (term) => term * BigInt(ratio));
  }
  return running(count, start, (term) => term * ratio);
}

/** `count` terms, each made of the one before. */
function running<T>(count: number, first: T, next: (term: T, index: number) => T): T[] {
  const terms: T[] = [];
  for (let term = first, index = 1; terms.length < count; term = next(term, index++)) terms.push(term);
  return terms;
}

import type { Tool, Work } from "./children/task-server.js";

/** What kind of end a job is meant to have. */
export type Kind = "plain" | "idempotent" | "failing" | "retrying" | "cancelled" | "equal" | "large";

/** A call that a client makes, and what it does then. */
export interface Job {
  readonly kind: Kind;
  readonly tool: Tool;
  readonly work: Work;
  /** Milliseconds after which it is cancelled; only of that kind. */
  readonly cancelAfter: number;
}

/** Numbers from 0 up to 1 that are the same for the same seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Of each twenty jobs, so many are of a kind. */
const SHARES: Readonly<Record<Kind, number>> = {
  plain: 4,
  idempotent: 5,
  failing: 2,
  retrying: 2,
  cancelled: 3,
  equal: 3,
  large: 1,
};
const KINDS = (Object.keys(SHARES) as Kind[]).flatMap((kind) => Array<Kind>(SHARES[kind]).fill(kind));

/** So many jobs of 50 to 800 ms, of all kinds. */
export function planJobs(count: number, random: () => number): Job[] {
  return Array.from({ length: count }, (_, n) => {
    const kind = KINDS[n % KINDS.length] ?? "plain";
    const steps = 1 + Math.floor(random() * 8);
    const step = (50 + random() * 750) / steps;
    const work = { id: `${kind}-${n}`, steps, step, ...workOf(kind, random) };
    return { kind, tool: toolOf(kind, random), work, cancelAfter: random() * 600 };
  });
}

function toolOf(kind: Kind, random: () => number): Tool {
  if (kind === "idempotent" || kind === "retrying") return kind;
  return kind === "large" && random() < 0.5 ? "idempotent" : "plain";
}

function workOf(kind: Kind, random: () => number): Partial<Work> {
  if (kind === "failing") return { error: "as it was told to" };
  if (kind === "retrying") return { step: 30, failures: 1 + Math.floor(random() * 3) };
  if (kind === "cancelled") return { isDeaf: random() < 0.3 };
  return kind === "large" ? { size: 300_000 } : {};
}

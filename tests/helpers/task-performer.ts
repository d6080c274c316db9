import type { TaskPerformer } from "../../src/bullmq/index.js";
import type { Performed } from "../../src/tasks/runner.js";
import { within } from "./processes.js";
import { recordingLogger } from "./recording-logger.js";

/** What a worker asked for. */
export interface Asked {
  readonly refId: string;
  readonly signal: AbortSignal;
  readonly isLastDelivery: boolean;
}

type Perform = (asked: Asked, nth: number) => Performed | Promise<Performed>;

const OVER: Performed = { outcome: "over" };

/** Stands for a cache: keeps what it is asked, and does what it is told. */
export class RecordingPerformer implements TaskPerformer {
  readonly logger = recordingLogger();
  readonly asked: Asked[] = [];
  readonly #perform: Perform;
  readonly #waiters = new Set<() => void>();

  constructor(perform: Perform = () => OVER) {
    this.#perform = perform;
  }

  get refIds(): string[] {
    return this.asked.map(({ refId }) => refId);
  }

  async performTask(refId: string, options: Omit<Asked, "refId">): Promise<Performed> {
    const asked = { refId, ...options };
    this.asked.push(asked);
    for (const waiter of this.#waiters) waiter();
    return this.#perform(asked, this.asked.length);
  }

  /** Waits until it was asked so many times. */
  async wasAsked(times: number, deadline = 15_000): Promise<void> {
    const asked = new Promise<void>((resolve) => {
      const look = () => this.asked.length >= times && resolve();
      this.#waiters.add(look);
      look();
    });
    await within(deadline, `${times} calls of performTask`, asked);
  }
}

/** A gate that tasks wait behind. */
export function gate(): { readonly passed: Promise<void>; open(): void } {
  let open = (): void => {};
  const passed = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { passed, open: () => open() };
}

/** The n-th reference of a task. */
export function taskReference(n: number): string {
  return `jobs:${n.toString(16).padStart(40, "0")}`;
}

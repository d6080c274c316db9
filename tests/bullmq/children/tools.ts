import { setTimeout as sleep } from "node:timers/promises";
import { RedisBackend } from "../../../src/backends/redis/index.js";
import { RefCache, type RefCacheOptions, type TaskContext, TransientError } from "../../../src/index.js";

/** Says what happens in a process, for the test to count. */
export type Say = (text: string) => void;

/** A cache with the tools that servers and workers share. What they do is said, and depends on their arguments alone. */
export function sharedTools(url: string, say: Say, options: Partial<RefCacheOptions> = {}) {
  const cache = new RefCache({ name: "work", backend: new RedisBackend({ url }), ...options });
  const slow = { asyncTimeout: 50, ttl: "1h" } as const;

  /** Takes so many steps of 100 ms. */
  async function steps(
    { id, count }: { id: string; count: number },
    context: TaskContext,
  ): Promise<number[]> {
    say(`ran ${id}`);
    for (let n = 0; n < count; n++) {
      context.signal.throwIfAborted();
      context.progress({ current: n + 1, total: count, message: `step ${n + 1}` });
      await sleep(100);
    }
    say(`done ${id}`);
    return Array.from({ length: count }, (_, n) => n);
  }

  /** As {@link steps}, and may be run again. */
  async function again(args: { id: string; count: number }, context: TaskContext): Promise<number[]> {
    return steps(args, context);
  }

  async function fails({ id }: { id: string }): Promise<never> {
    say(`ran ${id}`);
    throw new Error(`the tool said no to ${id}`);
  }

  const tried = new Map<string, number>();

  async function flaky({ id, failures }: { id: string; failures: number }): Promise<string> {
    say(`ran ${id}`);
    const times = (tried.get(id) ?? 0) + 1;
    tried.set(id, times);
    if (times <= failures) throw new TransientError("busy");
    return `after ${times}`;
  }

  const retries = { attempts: 5, baseDelay: 50 };
  // Named, as the sources differ that the test runner and the workers see.
  return {
    cache,
    steps: cache.cached("jobs", { ...slow, name: "steps" })(steps),
    again: cache.cached("jobs", { ...slow, name: "again", idempotent: true })(again),
    fails: cache.cached("jobs", { ...slow, name: "fails" })(fails),
    flaky: cache.cached("jobs", { ...slow, name: "flaky", retries })(flaky),
  };
}

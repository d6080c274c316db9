import { appendFileSync, existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { RedisBackend } from "../../../src/backends/redis/index.js";
import { SqliteBackend } from "../../../src/backends/sqlite/index.js";
import {
  type CloseOptions,
  type EncryptionOptions,
  type GetOptions,
  RefCache,
  SYSTEM,
  type TaskContext,
  type TaskOptions,
  TransientError,
} from "../../../src/index.js";

/** What a server is to be. */
export interface Orders {
  readonly store: { readonly sqlite: string } | { readonly redis: string };
  /** The file to which each run of a tool adds `begin <id> <pid>`, `aborted …` and `end …`. */
  readonly runs: string;
  readonly asyncTimeout: number;
  readonly tasks?: TaskOptions;
  /** The only key of its encryption, as 64 hex digits. */
  readonly key?: string;
}

/** What a tool is to do, in this order. */
export interface Work {
  /** By which its runs are told apart. */
  readonly id: string;
  /** So many steps of so many milliseconds each; progress is told at the beginning of each. */
  readonly steps?: number;
  readonly step?: number;
  readonly message?: string;
  /** It goes on once there is this file. */
  readonly until?: string;
  /** Ends its process once there is this file. */
  readonly deadly?: string;
  /** Whether it does not heed its signal. */
  readonly isDeaf?: boolean;
  /** So many attempts fail for a reason that passes. */
  readonly failures?: number;
  /** It fails with this message. */
  readonly error?: string;
  /** Characters of its result beside the id. */
  readonly size?: number;
}

/** What a tool returns. */
export interface Result {
  readonly id: string;
  readonly text: string;
}

/** The tools of each server. */
export type Tool = "plain" | "idempotent" | "retrying";

/** What a server is asked for, by a message. */
export type Request =
  | { readonly call: Tool; readonly work: Work }
  | { readonly get: string; readonly options: GetOptions }
  | { readonly resolve: string }
  | { readonly exists: string }
  | { readonly cancel: string }
  | { readonly close: CloseOptions };

/** What it replies, by a message. */
export type Reply =
  | { readonly n: number; readonly value?: unknown }
  | { readonly n: number; readonly code: string; readonly message: string };

/** A server whose tools may take long. Argument: orders. Says `ready`; then it is asked by messages. */
const { store, runs, asyncTimeout, tasks, key } = JSON.parse(process.argv[2] ?? "") as Orders;
const encryption: EncryptionOptions | undefined =
  key === undefined ? undefined : { keys: { k1: Buffer.from(key, "hex") }, current: "k1" };
const backend = "sqlite" in store ? new SqliteBackend(store.sqlite) : new RedisBackend({ url: store.redis });
const cache = new RefCache({ name: "jobs", backend, tasks, encryption });
const retries = { attempts: 5, baseDelay: 20, maxDelay: 100 };
const tools = {
  plain: cache.cached("jobs", { name: "plain", asyncTimeout })(perform),
  idempotent: cache.cached("jobs", { name: "idempotent", asyncTimeout, idempotent: true })(perform),
  retrying: cache.cached("jobs", { name: "retrying", asyncTimeout, retries })(perform),
} satisfies Record<Tool, unknown>;
const attempts = new Map<string, number>();

async function perform(work: Work, { progress, signal }: TaskContext): Promise<Result> {
  const { id, isDeaf, size = 0 } = work;
  note("begin", id);
  signal.addEventListener("abort", () => note("aborted", id), { once: true });
  const pause = (milliseconds: number) => sleep(milliseconds, undefined, isDeaf ? {} : { signal });
  try {
    await step(work, pause, progress);
    if (work.until !== undefined) await untilThere(work.until, pause);
    if (work.deadly !== undefined) {
      await untilThere(work.deadly, pause);
      process.kill(process.pid, "SIGKILL");
    }
    fail(work);
    return { id, text: "x".repeat(size) };
  } finally {
    note("end", id);
  }
}

async function step(
  { steps = 0, step = 0, message }: Work,
  pause: (milliseconds: number) => Promise<void>,
  progress: TaskContext["progress"],
): Promise<void> {
  for (let n = 0; n < steps; n++) {
    progress({ current: n, total: steps, message });
    await pause(step);
  }
}

async function untilThere(file: string, pause: (milliseconds: number) => Promise<void>): Promise<void> {
  while (!existsSync(file)) await pause(5);
}

function fail({ id, failures = 0, error }: Work): void {
  const attempt = (attempts.get(id) ?? 0) + 1;
  attempts.set(id, attempt);
  if (attempt <= failures) throw new TransientError("busy");
  if (error !== undefined) throw new Error(error);
}

function note(what: string, id: string): void {
  appendFileSync(runs, `${what} ${id} ${process.pid}\n`);
}

function serve(request: Request): Promise<unknown> {
  if ("call" in request) return tools[request.call](request.work);
  if ("get" in request) return cache.get(request.get, { ...request.options, actor: SYSTEM });
  if ("resolve" in request) return cache.resolve(request.resolve, { actor: SYSTEM });
  if ("exists" in request) return cache.exists(request.exists, { actor: SYSTEM });
  if ("cancel" in request) return cache.cancelTask(request.cancel, { actor: SYSTEM });
  return cache.close(request.close);
}

async function reply(n: number, request: Request): Promise<Reply> {
  try {
    return { n, value: await serve(request) };
  } catch (error) {
    const { code = "none", message } = error as Error & { code?: string };
    return { n, code, message };
  }
}

process.on("message", async ({ n, request }: { n: number; request: Request }) => {
  process.send?.(await reply(n, request), undefined, {}, () => {});
});
process.on("disconnect", () => process.exit());
await backend.exists("jobs:00000000");
process.stderr.write("ready");

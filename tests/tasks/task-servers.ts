import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished } from "vitest";
import type { Answer, CloseOptions, GetOptions } from "../../src/index.js";
import { temporaryFolder } from "../helpers/folders.js";
import { NodeProcess, within } from "../helpers/processes.js";
import type { Orders, Reply, Request, Result, Tool, Work } from "./children/task-server.js";

/** The longest that any request may take; more is a hang. */
const DEADLINE_MS = 40_000;

/** What a server said instead of an answer. */
export class Refusal extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

/** Said for a server that has ended before it replied. */
const GONE = new Refusal("gone", "The server has ended.");

/** One run of a tool's function, from the file of runs. */
export interface Note {
  readonly what: string;
  readonly id: string;
  readonly pid: number;
}

/** A server process, and what it can be asked. */
export class TaskServer {
  /** Settles when the process has ended, by whomever. */
  readonly ended: Promise<void>;
  readonly #process: NodeProcess;
  readonly #waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  #last = 0;

  private constructor(orders: Orders) {
    const script = "tests/tasks/children/task-server.ts";
    this.#process = new NodeProcess(script, [JSON.stringify(orders)], {}, (message) =>
      this.#hear(message as Reply),
    );
    this.ended = this.#process.ended.then(() => this.#abandon());
    onTestFinished(() => this.kill());
  }

  /** Starts one, and waits until it can be asked. */
  static async start(orders: Orders): Promise<TaskServer> {
    const server = new TaskServer(orders);
    await server.#process.wrote("ready", 60_000);
    return server;
  }

  get pid(): number {
    return this.#process.pid;
  }

  call(tool: Tool, work: Work): Promise<Answer<Result>> {
    return this.#ask({ call: tool, work }) as Promise<Answer<Result>>;
  }

  get(refId: string, options: GetOptions = {}): Promise<Answer<Result>> {
    return this.#ask({ get: refId, options }) as Promise<Answer<Result>>;
  }

  resolve(refId: string): Promise<Result> {
    return this.#ask({ resolve: refId }) as Promise<Result>;
  }

  /** Whether there is a result in the store. */
  exists(refId: string): Promise<boolean> {
    return this.#ask({ exists: refId }) as Promise<boolean>;
  }

  cancel(refId: string): Promise<Answer> {
    return this.#ask({ cancel: refId }) as Promise<Answer>;
  }

  /** Ends its cache in good order; the process stays. */
  close(options: CloseOptions): Promise<unknown> {
    return this.#ask({ close: options });
  }

  /** As a crash would. */
  async kill(): Promise<void> {
    await this.#process.stop("SIGKILL");
    await this.ended;
  }

  freeze(): void {
    this.#process.signal("SIGSTOP");
  }

  thaw(): void {
    this.#process.signal("SIGCONT");
  }

  #ask(request: Request): Promise<unknown> {
    const n = ++this.#last;
    const replied = new Promise<unknown>((resolve, reject) => this.#waiting.set(n, { resolve, reject }));
    if (!this.#process.send({ n, request })) this.#abandon();
    return within(DEADLINE_MS, `the reply to ${Object.keys(request)[0]}`, replied);
  }

  #abandon(): void {
    for (const { reject } of this.#waiting.values()) reject(GONE);
    this.#waiting.clear();
  }

  #hear(reply: Reply): void {
    const asker = this.#waiting.get(reply.n);
    this.#waiting.delete(reply.n);
    if ("code" in reply) asker?.reject(new Refusal(reply.code, reply.message));
    else asker?.resolve(reply.value);
  }
}

/** Several servers on a store, and what their tools have noted. */
export class TaskServers {
  readonly #folder = temporaryFolder();
  readonly orders: Orders;
  #files = 0;

  constructor(orders: Omit<Orders, "runs" | "asyncTimeout"> & Partial<Orders>) {
    this.orders = { runs: join(this.#folder, "runs"), asyncTimeout: 100, ...orders };
    writeFileSync(this.orders.runs, "");
  }

  start(): Promise<TaskServer> {
    return TaskServer.start(this.orders);
  }

  /** Three of them. */
  async three(): Promise<[a: TaskServer, b: TaskServer, c: TaskServer]> {
    return Promise.all([this.start(), this.start(), this.start()]);
  }

  /** The name of a file that is not there yet, and what makes it. */
  gate(): { readonly path: string; open(): void } {
    const path = join(this.#folder, `gate-${++this.#files}`);
    return { path, open: () => writeFileSync(path, "") };
  }

  /** All notes so far, in order; of one piece of work where it is named. */
  notes(what?: string, id?: string): Note[] {
    const lines = readFileSync(this.orders.runs, "utf8").split("\n").filter(Boolean);
    return lines
      .map((line) => line.split(" "))
      .map(([what = "", id = "", pid]) => ({ what, id, pid: Number(pid) }))
      .filter((note) => (what ?? note.what) === note.what && (id ?? note.id) === note.id);
  }

  /** Waits until work has been begun, aborted or ended so often; tells by whom. */
  async noted(what: string, id: string, count = 1, timeout = 20_000): Promise<number[]> {
    const pids = () => this.notes(what, id).map(({ pid }) => pid);
    await expect.poll(() => pids().length, { timeout, interval: 5 }).toBe(count);
    return pids();
  }
}

/** The reference of an answer that is a task's. */
export function taskIn(answer: Answer): string {
  expect(answer).toMatchObject({ is_async: true, is_complete: false });
  return String(answer.ref_id);
}

/** Asks again and again until a task is over, or has its result. */
export async function endOf(server: TaskServer, refId: string, wait = 5000): Promise<Answer<Result>> {
  const due = performance.now() + DEADLINE_MS;
  for (;;) {
    const answer = await server.get(refId, { wait, responseFormat: "full" });
    const { status } = answer as { status?: string };
    if (status !== "pending" && status !== "processing") return answer;
    if (performance.now() > due) throw new Error(`${refId} is ${status} for ever`);
  }
}

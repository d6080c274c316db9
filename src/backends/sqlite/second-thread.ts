import { createRequire } from "node:module";
import { Worker } from "node:worker_threads";

/** What the thread runs: statements, one after the other, over a connection of its own. */
const THREAD = `
const { parentPort, workerData: { driver, path, timeout } } = require("node:worker_threads");
const database = new (require(driver))(path, { timeout });
database.pragma("synchronous = NORMAL");
parentPort.on("message", ({ sql, parameters }) => {
  if (sql === undefined) {
    database.close();
    return parentPort.close();
  }
  let isDone = true;
  try {
    const statement = database.prepare(sql);
    statement.reader ? statement.all(...parameters) : statement.run(...parameters);
  } catch {
    isDone = false;
  }
  parentPort.postMessage(isDone);
});`;

/** How long the thread is kept when it has nothing to do, in milliseconds. */
const IDLE_MS = 2000;

interface Thread {
  readonly worker: Worker;
  readonly waiting: ((isDone: boolean) => void)[];
}

/** Runs statements that take long where they do not hold up this thread. Begins with the first one, ends by itself. */
export class SecondThread {
  readonly #path: string;
  readonly #timeout: number;
  #thread: Thread | undefined;
  #idle: NodeJS.Timeout | undefined;

  /** @param timeout milliseconds for which a lock is waited for. */
  constructor(path: string, timeout: number) {
    this.#path = path;
    this.#timeout = timeout;
  }

  /** Runs a statement, after those before it; tells whether it could. Never rejects. */
  run(sql: string, ...parameters: readonly unknown[]): Promise<boolean> {
    clearTimeout(this.#idle);
    this.#thread ??= this.#start();
    const { worker, waiting } = this.#thread;
    worker.ref();
    worker.postMessage({ sql, parameters });
    return new Promise((resolve) => waiting.push(resolve));
  }

  /** Ends the thread, once what it was given is done. */
  end(): void {
    clearTimeout(this.#idle);
    this.#thread?.worker.postMessage({});
    this.#thread = undefined;
  }

  #start(): Thread {
    const driver = createRequire(import.meta.url).resolve("better-sqlite3");
    const workerData = { driver, path: this.#path, timeout: this.#timeout };
    const worker = new Worker(THREAD, { eval: true, workerData });
    const thread: Thread = { worker, waiting: [] };
    worker.on("message", (isDone: boolean) => {
      thread.waiting.shift()?.(isDone);
      if (thread.waiting.length > 0) return;
      worker.unref();
      this.#idle = setTimeout(() => this.end(), IDLE_MS).unref();
    });
    worker.on("error", () => {}); // such as a file that is gone; what was asked for is not done
    worker.on("exit", () => {
      if (this.#thread === thread) this.#thread = undefined;
      for (const settle of thread.waiting.splice(0)) settle(false);
    });
    return thread;
  }
}

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const running = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** What became of a process. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly output: string;
}

/** A Node process of a test's own that runs TypeScript; it ends with the test process at the latest. */
export class NodeProcess {
  readonly #child: ChildProcess;
  readonly #ended: Promise<Ended>;
  #output = "";

  /**
   * Starts `node <script> <args>` in the root of the repository, with this environment and `PATH` alone.
   * @param onMessage hears what it sends by `process.send`; without, it has no channel to send by.
   */
  constructor(
    script: string,
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
    onMessage?: (message: unknown) => void,
  ) {
    this.#child = spawn(process.execPath, ["--import", import.meta.resolve("tsx"), script, ...args], {
      cwd: ROOT,
      env: { PATH: process.env.PATH, ...env },
      stdio: ["ignore", "pipe", "pipe", ...(onMessage ? (["ipc"] as const) : [])],
    });
    running.add(this.#child);
    if (onMessage !== undefined) this.#child.on("message", onMessage);
    this.#child.stdout?.setEncoding("utf8").on("data", this.#collect);
    this.#child.stderr?.setEncoding("utf8").on("data", this.#collect);
    this.#ended = this.#waitForEnd();
  }

  /** What it wrote so far. */
  get output(): string {
    return this.#output;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Settles when it has ended, however long that takes. */
  get ended(): Promise<Ended> {
    return this.#ended;
  }

  /** Sends it a message, which is lost where it ends meanwhile; `false` where it has ended already. */
  send(message: object): boolean {
    return this.#child.connected && this.#child.send(message, () => {});
  }

  /** Stops it in the middle of whatever it does, or lets it go on. */
  signal(signal: "SIGSTOP" | "SIGCONT"): void {
    this.#child.kill(signal);
  }

  /** Waits until it has written this text. */
  async wrote(text: string, deadline = 20_000): Promise<void> {
    const seen = new Promise<void>((resolve) => {
      const look = () => this.#output.includes(text) && resolve();
      this.#child.stdout?.on("data", look);
      this.#child.stderr?.on("data", look);
      look();
    });
    const ended = this.#ended.then(({ code }) => {
      throw new Error(`The process ended with ${code} before it wrote "${text}":\n${this.#output}`);
    });
    await within(deadline, `the text "${text}"`, Promise.race([seen, ended]));
  }

  /** Asks it to end, and tells how it did. */
  async stop(signal: NodeJS.Signals = "SIGTERM", deadline = 10_000): Promise<Ended> {
    this.#child.kill(signal);
    return this.end(deadline);
  }

  /** Waits until it has ended by itself; ends it when that takes too long. */
  async end(deadline = 30_000): Promise<Ended> {
    try {
      return await within(deadline, "the end of the process", this.#ended);
    } catch (error) {
      this.#child.kill("SIGKILL");
      throw error;
    }
  }

  readonly #collect = (chunk: string): void => {
    this.#output += chunk;
  };

  async #waitForEnd(): Promise<Ended> {
    const [code, signal] = (await once(this.#child, "close")) as [number | null, NodeJS.Signals | null];
    running.delete(this.#child);
    return { code, signal, output: this.#output };
  }
}

/** Waits for something, but not for ever. */
export async function within<T>(deadline: number, what: string, awaited: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Waited ${deadline} ms for ${what}`)), deadline);
  });
  try {
    return await Promise.race([awaited, late]);
  } finally {
    clearTimeout(timer);
  }
}

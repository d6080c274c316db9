import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { TransientError } from "mcp-refcache";

/** A text with its name. */
export interface Document {
  readonly name: string;
  readonly text: string;
}

const FOLDER = fileURLToPath(new URL("texts/", import.meta.url));

/** How an {@link Archive} behaves. */
export interface ArchiveOptions {
  /** What its lengths of time are multiplied by. */
  readonly pace: number;
  /** Whether it is too busy every second time that it is opened, the first among them. */
  readonly flaky: boolean;
}

/**
 * Stands for whatever makes real tools slow and unreliable: a scanner, a service that many use. The work on the texts
 * takes milliseconds; what takes its time is this, which just waits before it gives a text out.
 */
export class Archive {
  readonly #options: ArchiveOptions;
  #openings = 0;

  constructor(options: ArchiveOptions) {
    this.#options = options;
  }

  /**
   * The texts of the folder `texts/`, in order.
   * @throws {TransientError} when it is busy.
   */
  open(): Document[] {
    const isBusy = this.#options.flaky && this.#openings++ % 2 === 0;
    if (isBusy) throw new TransientError("The archive is busy.", { retryAfter: 500 * this.#options.pace });
    const files = readdirSync(FOLDER).filter((file) => file.endsWith(".txt"));
    return files.sort().map((file) => ({
      name: file.slice(0, -".txt".length),
      text: readFileSync(`${FOLDER}${file}`, "utf8"),
    }));
  }

  /**
   * Gives out a text, its own or another, after so many milliseconds.
   * @throws the signal's reason, once it is aborted.
   */
  async read({ text }: Document, milliseconds: number, signal: AbortSignal): Promise<string> {
    await sleep(milliseconds * this.#options.pace, undefined, { signal }).catch(() => {});
    signal.throwIfAborted();
    return text;
  }
}

import { createHash } from "node:crypto";
import type { RedisArgument } from "./client.js";
import type { Connection } from "./commands.js";

/** A Lua script. The server keeps it under its SHA-1 until it restarts, and is sent the text only when it does not. */
export class Script {
  readonly #text: string;
  readonly #sha: string;
  readonly #isStoring: boolean;

  /** @param options `isStoring`: whether replicas are waited for under `durability: "replicated"`. */
  constructor(text: string, { isStoring = false } = {}) {
    this.#text = text;
    this.#sha = createHash("sha1").update(text).digest("hex");
    this.#isStoring = isStoring;
  }

  /** Runs it; in a cluster all keys must share a slot. `bytes` is how much is sent, where that is much. */
  async run(
    connection: Connection,
    keys: readonly string[],
    args: readonly RedisArgument[],
    bytes = 0,
  ): Promise<unknown> {
    const rest = [keys.length, ...keys, ...args] as const;
    try {
      return await connection.call(["evalsha", this.#sha, ...rest], bytes, this.#isStoring);
    } catch (error) {
      if (!isUnknownScript(error)) throw error;
      return connection.call(["eval", this.#text, ...rest], bytes, this.#isStoring);
    }
  }
}

function isUnknownScript(error: unknown): boolean {
  return ((error as Error).cause as { code?: unknown } | undefined)?.code === "NOSCRIPT";
}

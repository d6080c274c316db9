import { createHash } from "node:crypto";
import type { RedisArgument } from "./client.js";
import type { Connection } from "./commands.js";

/** A Lua script. The server keeps it under its SHA-1 until it restarts, and is sent the text only when it does not. */
export class Script {
  readonly #text: string;
  readonly #sha: string;

  constructor(text: string) {
    this.#text = text;
    this.#sha = createHash("sha1").update(text).digest("hex");
  }

  /** Runs it; in a cluster all keys must share a slot. */
  async run(
    connection: Connection,
    keys: readonly string[],
    args: readonly RedisArgument[],
  ): Promise<unknown> {
    const rest = [keys.length, ...keys, ...args] as const;
    try {
      return await connection.call(["evalsha", this.#sha, ...rest]);
    } catch (error) {
      if (!isUnknownScript(error)) throw error;
      return connection.call(["eval", this.#text, ...rest]);
    }
  }
}

function isUnknownScript(error: unknown): boolean {
  return ((error as Error).cause as { code?: unknown } | undefined)?.code === "NOSCRIPT";
}

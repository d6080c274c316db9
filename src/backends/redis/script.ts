import { createHash } from "node:crypto";
import type { RedisArgument, RedisClient } from "./client.js";
import { replyCode } from "./errors.js";

/** A Lua script. The server keeps it under its SHA-1 until it restarts, and is sent the text only when it does not. */
export class Script {
  readonly #text: string;
  readonly #sha: string;

  constructor(text: string) {
    this.#text = text;
    this.#sha = createHash("sha1").update(text).digest("hex");
  }

  /** Runs it; in a cluster all keys must be on one node. */
  async run(client: RedisClient, keys: readonly string[], args: readonly RedisArgument[]): Promise<unknown> {
    const rest = [keys.length, ...keys, ...args];
    try {
      return await client.call("evalsha", this.#sha, ...rest);
    } catch (error) {
      if (replyCode(error) !== "NOSCRIPT") throw error;
      return client.call("eval", this.#text, ...rest);
    }
  }
}

#!/usr/bin/env node
import { RefCacheError } from "../errors.js";
import { reencrypt } from "./reencrypt.js";
import { USAGE, UsageError } from "./usage.js";

/** Everything is told on stderr: stdout belongs to what may stand behind a pipe. */
async function main([command, ...args]: string[]): Promise<number> {
  if (command === "reencrypt") return reencrypt(args);
  throw new UsageError(command === undefined ? "which command?" : "there is no such command");
}

/** Ends with 1 where something failed, with 2 where the command was not understood. */
function explain(error: unknown): number {
  if (error instanceof UsageError) {
    console.error(`mcp-refcache: ${error.message}\n\n${USAGE}`);
    return 2;
  }
  if (!(error instanceof RefCacheError)) throw error;
  console.error(`mcp-refcache: ${error.message}`);
  return 1;
}

process.exitCode = await main(process.argv.slice(2)).catch(explain);

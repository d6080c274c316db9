import { type ChildProcessByStdio, spawn } from "node:child_process";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";

/** Starts one of the scripts of this folder as a process of its own. */
export function startChild(script: string, ...args: string[]): ChildProcessByStdio<null, Readable, Readable> {
  const path = fileURLToPath(new URL(script, import.meta.url));
  return spawn(process.execPath, ["--import", "tsx", path, ...args], { stdio: ["ignore", "pipe", "pipe"] });
}

/** Runs a script to its end and gives the JSON it prints; rejects with what it says on stderr. */
export async function childResult<T>(script: string, ...args: string[]): Promise<T> {
  const child = startChild(script, ...args);
  const [out, error] = await Promise.all([text(child.stdout), text(child.stderr)]);
  if (out === "") throw new Error(`${script} printed nothing: ${error}`);
  return JSON.parse(out) as T;
}

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { getDefaultEnvironment } from "@modelcontextprotocol/sdk/client/stdio.js";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const WORKER = fileURLToPath(new URL("worker.ts", import.meta.url));

/** A worker as a process of its own. */
export interface WorkerProcess {
  /** Ends it as a crash would. */
  kill(): Promise<void>;
  /** Lets it end what it performs. */
  stop(): Promise<void>;
}

/**
 * Starts a worker, and waits until it says so. It ends with this process at the latest.
 * @param args see `settings.ts`.
 * @param env where the store is.
 */
export async function startWorker(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<WorkerProcess> {
  const child = spawn(process.execPath, ["--import", import.meta.resolve("tsx"), WORKER, ...args], {
    cwd: ROOT, // where tsx finds tsconfig.json
    env: { ...getDefaultEnvironment(), ...env },
    stdio: ["ignore", "inherit", "pipe"],
  });
  process.once("exit", () => child.kill("SIGKILL"));
  await Promise.race([once(child.stderr, "data"), endOf(child)]);
  child.stderr.pipe(process.stderr);
  return { kill: () => end(child, "SIGKILL"), stop: () => end(child, "SIGTERM") };
}

async function endOf(child: ChildProcess): Promise<never> {
  const [code] = await once(child, "exit");
  throw new Error(`The worker ended with ${code}.`);
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.kill(signal);
  await gone;
}

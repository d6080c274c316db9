import type { Context, FastMCPSessionAuth, Progress } from "fastmcp";
import { copyWith } from "../copy-with.js";
import type { TaskContext, TaskProgress } from "../tasks/task.js";

/** Milliseconds between two signs of life of a task of which no more may be told. */
const HEARTBEAT = 1000;

/**
 * Sends progress to the client that waits. MCP wants it to grow from one notification to the next, so what does not is
 * left out. Where only that there is progress may be told, the time is.
 */
export function notifyProgress<T extends FastMCPSessionAuth>({
  reportProgress,
}: Pick<Context<T>, "reportProgress">): (progress: TaskProgress | undefined) => void {
  let last = -1;
  let next = 0;
  return (progress) => {
    const now = performance.now();
    if (progress === undefined && now < next) return;
    const { current, total, message } = progress ?? { current: last + 1 };
    if (current <= last) return;
    last = current;
    next = now + HEARTBEAT;
    const told = { progress: current, ...(total !== undefined && { total }), ...(message && { message }) };
    reportProgress(told).catch(() => {}); // the client may have gone
  };
}

/**
 * FastMCP's context with the task's signal and progress; FastMCP's own way to report progress leads there as well. It
 * takes any number, and few tools wait for it: what is no amount is left out, since a rejection would go unhandled.
 */
export function withTask(context: unknown, { progress, signal }: TaskContext): object {
  const reportProgress = async ({ progress: current, total = Number.NaN, message }: Progress) => {
    if (!Number.isFinite(current) || current < 0) return;
    progress({ current, total: Number.isFinite(total) && total >= current ? total : undefined, message });
  };
  return copyWith(context as object, { progress, signal, reportProgress });
}

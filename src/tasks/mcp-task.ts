import type { Answer } from "../answer.js";
import { ConfigurationError } from "../errors.js";
import type { TaskAnswer } from "./task-answer.js";

/** A task as MCP Tasks has it: what `tasks/get` gives. */
export interface McpTask {
  taskId: string;
  /** `input_required` is among them in MCP; tasks of this package never ask for any. */
  status: "working" | "completed" | "failed" | "cancelled";
  statusMessage?: string;
  /** ISO 8601. */
  createdAt: string;
  /** ISO 8601. */
  lastUpdatedAt: string;
  /** Milliseconds that the task is kept, `null` for ever. */
  ttl: number | null;
  /** Milliseconds that the client should let pass between polls. */
  pollInterval?: number;
}

/** What MCP Tasks tells beyond the answer. Times are Unix milliseconds, lengths milliseconds. */
export interface McpTaskFacts {
  readonly createdAt: number;
  readonly lastUpdatedAt: number;
  readonly ttl: number | null;
  readonly pollInterval?: number | undefined;
}

const STATUSES = {
  pending: "working",
  processing: "working",
  complete: "completed",
  failed: "failed",
  cancelled: "cancelled",
} as const satisfies Record<TaskAnswer["status"], McpTask["status"]>;

/**
 * An answer as a task of MCP Tasks. For servers built on an SDK that speaks them; FastMCP does not, so its clients poll
 * with `get_cached_result`. A `complete` task is an ordinary answer: its value is the payload that `tasks/result` gives.
 * @throws {ConfigurationError} when the answer has no reference, since the store failed: there is no task.
 */
export function toMcpTask(answer: TaskAnswer | Answer, facts: McpTaskFacts): McpTask {
  const { ref_id, message } = answer;
  if (ref_id === null) throw new ConfigurationError("answer", "has no reference, so it is no task");
  return {
    taskId: ref_id,
    status: answer.is_async ? STATUSES[answer.status] : "completed",
    ...(message === undefined ? {} : { statusMessage: message }),
    createdAt: new Date(facts.createdAt).toISOString(),
    lastUpdatedAt: new Date(facts.lastUpdatedAt).toISOString(),
    ttl: facts.ttl,
    ...(facts.pollInterval === undefined ? {} : { pollInterval: facts.pollInterval }),
  };
}

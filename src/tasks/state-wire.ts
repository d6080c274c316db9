import { z } from "zod";
import { type Actor, checkActor } from "../access/actor.js";
import type { Policy } from "../access/policy.js";
import { policyToWire, readPolicy, WireHeadError } from "../entry/head.js";
import type { TaskOrder, TaskState } from "./task.js";

const amount = z.number().min(0);
/** Unix milliseconds, as far as a `Date` goes. */
const time = amount.max(8_640_000_000_000_000);
const count = z.int().min(0);

const actor = z.looseObject({}).transform(({ type, id, session_id, claims }, context): Actor => {
  try {
    return checkActor({ type, id, sessionId: session_id, claims }, "actor");
  } catch {
    context.addIssue({ code: "custom" });
    return z.NEVER;
  }
});

const policy = z.unknown().transform((wire, context): Policy => {
  const read = readPolicy(wire);
  if (!(read instanceof WireHeadError)) return read;
  context.addIssue({ code: "custom" });
  return z.NEVER;
});

const order = z.object({
  tool: z.string(),
  tool_name: z.string(),
  caller: actor,
  asker: actor,
  args: z.string(),
  missing: z.array(z.string()),
  used: z.array(policy),
  is_pending: z.boolean(),
  is_elsewhere: z.boolean(),
});

const schema = z.object({
  status: z.enum(["pending", "processing", "complete", "failed", "cancelled"]),
  started_at: time,
  updated_at: time,
  deadline: time,
  progress: z
    .object({ current: amount, total: amount.optional(), message: z.string().optional() })
    .optional(),
  eta: time.optional(),
  note: z.string().optional(),
  error: z.object({ code: z.string(), message: z.string() }).optional(),
  retry_count: count,
  can_retry: z.boolean(),
  is_cancelling: z.boolean(),
  is_outdated: z.boolean(),
  starter: z.string(),
  owner: z.string().nullable(),
  runs: count,
  is_idempotent: z.boolean(),
  expected_schema: z.unknown().optional(),
  format: z.enum(["minimal", "standard", "full"]),
  order: order.optional(),
});

type WireState = z.infer<typeof schema>;

/** The state of a task as the JSON text of its record; times are Unix milliseconds. */
export function writeTaskState(state: TaskState): string {
  const { progress, error } = state;
  return JSON.stringify({
    status: state.status,
    started_at: state.startedAt,
    updated_at: state.updatedAt,
    deadline: state.deadline,
    progress: progress && { current: progress.current, total: progress.total, message: progress.message },
    eta: state.eta,
    note: state.note,
    error: error && { code: error.code, message: error.message },
    retry_count: state.retryCount,
    can_retry: state.canRetry,
    is_cancelling: state.isCancelling,
    is_outdated: state.isOutdated,
    starter: state.starter,
    owner: state.owner,
    runs: state.runs,
    is_idempotent: state.isIdempotent,
    expected_schema: state.expectedSchema,
    format: state.format,
    order: state.order && orderToWire(state.order),
  } satisfies Record<keyof WireState, unknown>);
}

/**
 * Reads the state of a task. Members that it does not know, as newer servers may write, are left out.
 * @throws {Error} naming the first member that is malformed, and quoting nothing.
 */
export function readTaskState(json: string): TaskState {
  const { data: wire, error } = schema.safeParse(parse(json));
  if (wire !== undefined) return stateFromWire(wire);
  const member = error?.issues[0]?.path.join(".") || "it is no object";
  throw new Error(`The state of a task is malformed: ${member}.`);
}

/** The parser's own message would quote the text. */
function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    throw new Error("The state of a task is malformed: it is not JSON.");
  }
}

function stateFromWire(wire: WireState): TaskState {
  return {
    status: wire.status,
    startedAt: wire.started_at,
    updatedAt: wire.updated_at,
    deadline: wire.deadline,
    progress: wire.progress,
    eta: wire.eta,
    note: wire.note,
    error: wire.error,
    retryCount: wire.retry_count,
    canRetry: wire.can_retry,
    isCancelling: wire.is_cancelling,
    isOutdated: wire.is_outdated,
    starter: wire.starter,
    owner: wire.owner,
    runs: wire.runs,
    isIdempotent: wire.is_idempotent,
    expectedSchema: wire.expected_schema,
    format: wire.format,
    order: wire.order && orderFromWire(wire.order),
  };
}

function orderToWire({
  tool,
  toolName,
  caller,
  asker,
  args,
  missing,
  used,
  isPending,
  isElsewhere,
}: TaskOrder) {
  return {
    tool,
    tool_name: toolName,
    caller: actorToWire(caller),
    asker: actorToWire(asker),
    args,
    missing,
    used: used.map(policyToWire),
    is_pending: isPending,
    is_elsewhere: isElsewhere,
  } satisfies Record<keyof NonNullable<WireState["order"]>, unknown>;
}

function orderFromWire(wire: NonNullable<WireState["order"]>): TaskOrder {
  return {
    tool: wire.tool,
    toolName: wire.tool_name,
    caller: wire.caller,
    asker: wire.asker,
    args: wire.args,
    missing: wire.missing,
    used: wire.used,
    isPending: wire.is_pending,
    isElsewhere: wire.is_elsewhere,
  };
}

function actorToWire({ type, id, sessionId, claims }: Actor) {
  return { type, id, session_id: sessionId, claims };
}

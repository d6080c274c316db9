import fc from "fast-check";
import type { Actor } from "../../src/access/actor.js";
import type { TaskOrder, TaskState } from "../../src/tasks/task.js";
import { anyActor, anyPolicy } from "./arbitraries.js";

/** When the tasks of {@link taskState} were started: 2023-11-14T22:13:20.000Z. */
export const STARTED = 1_700_000_000_000;

/** A task that runs, but for what is said. */
export function taskState(members: Partial<TaskState> = {}): TaskState {
  return {
    status: "processing",
    startedAt: STARTED,
    updatedAt: STARTED,
    deadline: STARTED + 3_600_000,
    retryCount: 0,
    canRetry: false,
    isCancelling: false,
    isOutdated: false,
    starter: "user:alice",
    owner: "server-1",
    runs: 1,
    isIdempotent: false,
    format: "standard",
    ...members,
  };
}

const text = fc.string({ unit: "binary", maxLength: 20 });
const time = fc.integer({ min: 0, max: 8_640_000_000_000_000 });
const count = fc.nat(1000);
const amount = fc.double({ min: 0, noNaN: true, noDefaultInfinity: true });
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });

const actor: fc.Arbitrary<Actor> = fc
  .tuple(anyActor, maybe(fc.constantFrom({ org_id: "acme" }, { a: "1", b: "ü" })))
  .map(([who, claims]) => ({ ...who, ...(claims === undefined ? {} : { claims }) }));

const order: fc.Arbitrary<TaskOrder> = fc.record({
  tool: text,
  toolName: text,
  caller: fc.oneof(actor, fc.constant({ type: "system" } as const)),
  asker: actor,
  args: text,
  missing: fc.array(text),
  used: fc.array(anyPolicy, { maxLength: 3 }),
  isPending: fc.boolean(),
  isElsewhere: fc.boolean(),
});

/** Any state that a task may have, sensible or not. */
export const anyTaskState: fc.Arbitrary<TaskState> = fc.record({
  status: fc.constantFrom("pending", "processing", "complete", "failed", "cancelled"),
  startedAt: time,
  updatedAt: time,
  deadline: time,
  progress: maybe(fc.record({ current: amount, total: maybe(amount), message: maybe(text) })),
  eta: maybe(time),
  note: maybe(text),
  error: maybe(fc.record({ code: text, message: text })),
  retryCount: count,
  canRetry: fc.boolean(),
  isCancelling: fc.boolean(),
  isOutdated: fc.boolean(),
  starter: text,
  owner: fc.option(text, { nil: null }),
  runs: count,
  isIdempotent: fc.boolean(),
  expectedSchema: maybe(fc.jsonValue().map((value) => JSON.parse(JSON.stringify(value)))),
  format: fc.constantFrom("minimal", "standard", "full"),
  order: maybe(order),
});

import type { RedisArgument } from "./client.js";
import type { Command } from "./commands.js";
import { replyCode } from "./errors.js";
import { isRead, isWrite } from "./rights.js";

/** What is sent, accepted and refused as one: a command, or several as a transaction. */
export interface Unit {
  readonly commands: readonly Command[];
  /** Whether the server is asked for a slot that it is about to be given. */
  readonly asking?: boolean;
  /** Whether it stores something that replicas must have, where the names of its commands do not say it right. */
  readonly isStoring?: boolean | undefined;
}

/** What became of a unit: the replies of its commands, or the error reply that refused it. */
export type Outcome = { readonly replies: unknown[] } | { readonly error: Error };

type Reply = readonly [error: Error | null, reply: unknown];

/** The command of a unit that needs no pipeline. */
export function onlyCommand(units: readonly Unit[]): Command | undefined {
  const [unit, ...others] = units;
  const isBare = others.length === 0 && unit?.asking !== true && unit?.commands.length === 1;
  const command = isBare ? unit.commands[0] : undefined;
  return command === undefined || AS_BYTES.test(command[0]) ? undefined : command;
}

/** The lines of a pipeline that send these units. */
export function linesOf(units: readonly Unit[]): RedisArgument[][] {
  return units.flatMap(({ commands, asking }) => {
    const lines = commands.length === 1 ? commands : [["multi"], ...commands, ["exec"]];
    return [...(asking ? [["asking"]] : []), ...lines].map(lineOf);
  });
}

/** A name such as `getBuffer` asks for the reply as bytes, as ioredis has it for commands it knows. */
const AS_BYTES = /Buffer$/;

function lineOf([name = "", ...args]: readonly RedisArgument[]): RedisArgument[] {
  const command = String(name);
  return [AS_BYTES.test(command) ? "callBuffer" : "call", command.replace(AS_BYTES, ""), ...args];
}

/** Divides the replies of a pipeline among its units. */
export function outcomesOf(units: readonly Unit[], replies: readonly Reply[]): Outcome[] {
  let at = 0;
  return units.map(({ commands, asking }) => {
    const start = at + (asking ? 1 : 0);
    at = start + (commands.length === 1 ? 1 : commands.length + 2);
    return outcomeOf(replies.slice(start, at));
  });
}

/** Of one reply, or of those of MULTI, of each command as it was queued, and of EXEC. */
function outcomeOf(replies: readonly Reply[]): Outcome {
  const refusal = replies.find(([error]) => error !== null)?.[0];
  if (refusal) return { error: refusal };
  const last = replies.at(-1)?.[1];
  if (replies.length === 1) return { replies: [last] };
  const results = Array.isArray(last) ? last : [];
  const failure: unknown = results.find((result) => result instanceof Error && !isWrongType(result));
  if (failure instanceof Error) return { error: failure };
  return { replies: results.map((result) => (result instanceof Error ? undefined : result)) };
}

/** Tells whether a unit changes what is stored, so that replicas are waited for. */
export function writes({ commands, isStoring }: Unit): boolean {
  return isStoring ?? commands.some(([name]) => isWrite(name));
}

/** Tells whether a unit changes nothing. */
export function isReading({ commands }: Unit): boolean {
  return commands.every(([name]) => isRead(name.replace(AS_BYTES, "")));
}

/** How many of these units have changed something, or may have. */
export function countDone(units: readonly Unit[], outcomes: readonly Outcome[]): number {
  return units.filter((unit, n) => !isReading(unit) && "replies" in (outcomes[n] ?? {})).length;
}

/** Tells whether an error says that a key holds something of another type. */
export function isWrongType(error: unknown): boolean {
  return replyCode(error) === "WRONGTYPE";
}

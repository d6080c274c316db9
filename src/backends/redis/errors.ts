import {
  type StoreError,
  type StoreErrorOptions,
  StoreFullError,
  StoreTimeoutError,
  StoreUnavailableError,
  StoreUnusableError,
} from "../../errors.js";
import { DeadlineError } from "./deadline.js";
import { RIGHTS_HINT } from "./rights.js";

type StoreErrorClass = new (message: string, options?: StoreErrorOptions) => StoreError;
type Explanation = readonly [StoreErrorClass, problem: string];

const PASSWORD_HINT = "Check username and password (REDIS_URL, REDIS_PASSWORD).";

const MOVING =
  "is of a cluster that is just moving this key. Try again in a moment; a cluster is given by nodes or redis+cluster://.";

/** What the first word of an error reply means. The rest of a reply is never passed on: it may quote a value. */
const REPLIES: Readonly<Record<string, Explanation>> = {
  NOAUTH: [StoreUnavailableError, `wants a password. ${PASSWORD_HINT}`],
  WRONGPASS: [StoreUnavailableError, `refuses the credentials. ${PASSWORD_HINT}`],
  NOPERM: [StoreUnavailableError, `does not give this user the rights. ${RIGHTS_HINT}`],
  LOADING: [StoreUnavailableError, "is still loading its data. Try again in a moment."],
  BUSY: [StoreUnavailableError, "is busy running a script. Try again in a moment."],
  MASTERDOWN: [StoreUnavailableError, "is a replica that has lost its primary."],
  NOREPLICAS: [StoreUnavailableError, "has too few replicas to accept writes."],
  CLUSTERDOWN: [StoreUnavailableError, "belongs to a cluster that is down."],
  MOVED: [StoreUnavailableError, MOVING],
  ASK: [StoreUnavailableError, MOVING],
  TRYAGAIN: [StoreUnavailableError, MOVING],
  OOM: [StoreFullError, "has no memory left (maxmemory). Clear a namespace, or raise maxmemory."],
  MISCONF: [StoreFullError, "accepts no writes, for it cannot save to its disk. Make room there."],
  READONLY: [StoreUnusableError, "is a read-only replica. Connect to the primary."],
  WRONGTYPE: [StoreUnusableError, "holds something of another type under that key."],
};

/** The same for servers before version 6 and for errors without a code of their own. */
const PHRASES: readonly (readonly [RegExp, Explanation])[] = [
  [/^ERR (invalid password|AUTH )/, [StoreUnavailableError, `refuses the credentials. ${PASSWORD_HINT}`]],
  [/^ERR max number of clients/, [StoreUnavailableError, "has no connection to spare (maxclients)."]],
  [/^ERR DB index/, [StoreUnusableError, "does not have that database. Check db (REDIS_DB)."]],
  [
    /invalid bulk length|exceeds maximum allowed size/,
    [StoreFullError, "takes no value of that size (proto-max-bulk-len)."],
  ],
];

/** What ioredis says where it has found no primary; it keeps the causes to itself. */
const SEARCHES: readonly (readonly [RegExp, problem: string])[] = [
  [
    /^failed to connect to sentinel .* because (NOAUTH|WRONGPASS|NOPERM)/,
    "is not told by its sentinels, which refuse the credentials. Check sentinelUsername and sentinelPassword.",
  ],
  [
    /^failed to connect to sentinel /,
    "is not known, for no sentinel answers. Check that they run, and sentinels and TLS.",
  ],
  [/^connected to sentinel /, "is not known to its sentinels. Check masterName."],
  [/^Failed to refresh slots cache/, "has no server that answers. Check that they run, and nodes and TLS."],
];

/** How ioredis ends every message about a reply that it cannot read, or that answers nothing. */
const IOREDIS_IS_AT_A_LOSS = /please report (this|it)\b/i;

/**
 * Turns whatever ioredis rejects with into a `StoreError`. Its own errors hold the command with its arguments,
 * values and passwords among them, so only their name, code and harmless messages go on as the cause.
 * @param wasWriting whether a write had been sent by then: without a reply, nobody knows whether it was done.
 */
export function toStoreError(error: unknown, where: string, wasWriting = false): StoreError {
  const [Class, problem] = explain(error);
  const outcomeUnknown = wasWriting && replyCode(error) === undefined;
  const outcome = outcomeUnknown ? " The outcome of the write is unknown." : "";
  const options = { cause: withoutSecrets(error), outcomeUnknown };
  return new Class(`The Redis store at ${where} ${problem}${outcome}`, options);
}

/** The first word of an error reply, such as `WRONGTYPE`; `undefined` for any other error. */
export function replyCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || error.name !== "ReplyError") return undefined;
  return /^[A-Z]+/.exec(error.message)?.[0];
}

/** Tells whether what came from the server makes no sense, so that nothing that follows on the connection does. */
export function isNonsense(error: unknown): boolean {
  return error instanceof Error && error.name !== "ReplyError" && IOREDIS_IS_AT_A_LOSS.test(error.message);
}

/** The error of a backend that was closed. */
export function closedError(): StoreError {
  return new StoreUnavailableError("The Redis store is closed. Make a new backend.");
}

function explain(error: unknown): Explanation {
  if (error instanceof DeadlineError || systemCode(error) === "ETIMEDOUT") {
    return [StoreTimeoutError, "did not answer in time."];
  }
  if (isNonsense(error))
    return [StoreUnavailableError, "does not answer as Redis does. Check host, port and TLS."];
  const code = replyCode(error);
  if (code === undefined) return [StoreUnavailableError, unreachable(error)];
  const { message } = error as Error;
  const phrase = PHRASES.find(([pattern]) => pattern.test(message))?.[1];
  return phrase ?? REPLIES[code] ?? [StoreUnusableError, `refuses the command (${code}).`];
}

function unreachable(error: unknown): string {
  const { message = "" } = (error ?? {}) as { message?: string };
  const search = SEARCHES.find(([pattern]) => pattern.test(message));
  if (search !== undefined) return search[1];
  const code = systemCode(error);
  return code === undefined
    ? "has closed the connection."
    : `cannot be reached (${code}). Check that it runs, and host, port and TLS.`;
}

/** The code of a network or TLS error, such as `ECONNREFUSED`. */
function systemCode(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === "string" ? code : undefined;
}

function withoutSecrets(error: unknown): Error {
  const code = replyCode(error) ?? systemCode(error);
  const message = systemCode(error) === undefined ? code : (error as Error).message;
  const clean = new Error(message || code || "the connection was lost");
  return code === undefined ? clean : Object.assign(clean, { code });
}

import type { RedisArgument } from "./client.js";
import type { ServerConnection } from "./connection.js";

/** A command and its arguments, such as `["set", key, text, "PX", 1000]`. */
export type Command = readonly [name: string, ...args: RedisArgument[]];

/**
 * What the backend and its capabilities send commands through, be it one server or a cluster. Every method settles
 * in the time of a command, and rejects with a `StoreError`. Nothing is sent twice whose outcome is unknown.
 *
 * On a cluster a command goes where its first key lives; all keys of one command must share a slot, as those do
 * with the same hash tag. `bytes` is how much is sent, where that is much.
 */
export interface Connection {
  /** Sends one command. `isStoring`: whether replicas are waited for, where it is not as of others of its name. */
  call(command: Command, bytes?: number, isStoring?: boolean): Promise<unknown>;
  /**
   * Sends commands at once, in one round trip a server; gives their replies in order. Commands of one slot are run
   * in order, others in any. One that meets a key of another type has no reply; any other error is thrown.
   */
  send(commands: readonly Command[], bytes?: number): Promise<unknown[]>;
  /**
   * Sends commands of which none is run before the ones ahead of it are acknowledged. Neighbours of one slot are one
   * transaction, and on one server all of them are. Replies and errors are those of {@link send}.
   */
  inOrder(commands: readonly Command[], bytes?: number): Promise<unknown[]>;
  /** Every server that takes writes, for what is asked of servers, not of keys: SCAN, WAIT, CLIENT. */
  servers(): Promise<readonly ServerConnection[]>;
  /** Tells where keys live, in a text that changes with it. */
  placement(): string;
  /** Ends what is ours, once what is under way is answered or has run out of time. Never rejects. */
  close(): Promise<void>;
}

/** Tells whether all keys live on one server, so that all commands in order are one transaction. */
export function isOneServer(connection: Connection): boolean {
  return connection.placement() === "";
}

/** Commands whose first key is not the first argument; all are `COMMAND script numkeys key …`. */
const SCRIPTED = new Set(["eval", "evalsha", "fcall"]);

/** The key that tells where a command is run; nothing for a command without one. */
export function keyOf([name, ...args]: Command): string | undefined {
  const key = SCRIPTED.has(name.toLowerCase()) ? args[2] : args[0];
  return key === undefined ? undefined : String(key);
}

import { partlyDone, stepByStep } from "../partly-done.js";
import type { RedisClusterClient } from "./client.js";
import { type Command, type Connection, keyOf } from "./commands.js";
import type { ConnectionOptions, ServerConnection } from "./connection.js";
import { Courier } from "./courier.js";
import { sendingTime } from "./deadline.js";
import { closedError, replyCode, toStoreError } from "./errors.js";
import { Readiness } from "./readiness.js";
import type { NatMap } from "./redirect.js";
import { slotOf } from "./slot.js";
import { Topology } from "./topology.js";
import { countDone, type Unit } from "./unit.js";

/** What a connection to a cluster is told. */
export type ClusterOptions = Omit<ConnectionOptions, "revive" | "failsOver"> & { readonly natMap?: NatMap };

/**
 * A cluster, in which each command goes to the primary of its key's slot. ioredis knows the servers; sending is done
 * here, for ioredis would send a write again whose outcome is unknown, keep commands for later, and wait on a dead
 * connection.
 */
export class ClusterConnection implements Connection {
  readonly #client: RedisClusterClient;
  readonly #options: ClusterOptions;
  readonly #readiness: Readiness;
  readonly #topology: Topology;
  readonly #courier: Courier;
  #closing: Promise<void> | undefined;

  constructor(client: RedisClusterClient, options: ClusterOptions) {
    this.#client = client;
    this.#options = options;
    const { connectTimeout, owned, natMap } = options;
    this.#readiness = new Readiness(client, { connectTimeout, revive: owned });
    this.#topology = new Topology(client, options);
    this.#courier = new Courier(this.#topology, natMap);
  }

  /** See {@link Connection.call}. */
  async call(command: Command, bytes = 0, isStoring?: boolean): Promise<unknown> {
    const [delivered] = await this.#deliver([{ commands: [command], isStoring }], bytes);
    if (delivered === undefined) return undefined;
    const { outcome, server } = delivered;
    if ("replies" in outcome) return outcome.replies[0];
    throw server.explain(outcome.error);
  }

  /** See {@link Connection.send}. */
  async send(commands: readonly Command[], bytes = 0): Promise<unknown[]> {
    const units = commands.map((command) => ({ commands: [command] }));
    const delivered = await this.#deliver(units, bytes);
    try {
      return delivered.flatMap(({ outcome, server }) => server.repliesOf(outcome));
    } catch (error) {
      throw partlyDone(
        error,
        countDone(
          units,
          delivered.map(({ outcome }) => outcome),
        ),
      );
    }
  }

  /** See {@link Connection.inOrder}. */
  async inOrder(commands: readonly Command[], bytes = 0): Promise<unknown[]> {
    return (await stepByStep(neighbours(commands), (unit) => this.#transaction(unit, bytes))).flat();
  }

  /** See {@link Connection.servers}. */
  async servers(): Promise<readonly ServerConnection[]> {
    await this.#connected();
    await this.#topology.refresh(this.#options.commandTimeout, 0);
    return this.#topology.primaries();
  }

  /** See {@link Connection.placement}. */
  placement(): string {
    return this.#topology.placement();
  }

  /** See {@link Connection.close}. */
  close(): Promise<void> {
    this.#closing ??= this.#shutDown();
    return this.#closing;
  }

  /** While a slot moves, several new keys of it cannot be written as one: then each is, in order. */
  async #transaction(unit: Unit, bytes: number): Promise<unknown[]> {
    const [delivered] = await this.#deliver([unit], bytes, unit.commands.length > 1);
    if (delivered === undefined) return [];
    const { outcome, server } = delivered;
    const isMoving = "error" in outcome && replyCode(outcome.error) === "TRYAGAIN";
    if (!isMoving) return server.repliesOf(outcome);
    return (await stepByStep(unit.commands, (command) => this.send([command], bytes))).flat();
  }

  async #deliver(units: readonly Unit[], bytes: number, isImpatient = false) {
    const start = performance.now();
    await this.#connected();
    const budget = this.#options.commandTimeout + sendingTime(bytes) - (performance.now() - start);
    return this.#courier.deliver(units, budget, isImpatient);
  }

  async #connected(): Promise<void> {
    if (this.#closing !== undefined) throw closedError();
    if (this.#client.status === "ready") return;
    try {
      await this.#readiness.wait();
    } catch (reason) {
      throw this.#closing === undefined ? toStoreError(reason, this.#options.where) : closedError();
    }
  }

  async #shutDown(): Promise<void> {
    // Only after this turn does `#closing` hold, which makes every later call fail.
    await null;
    this.#readiness.stop(closedError());
    await this.#topology.close();
    if (this.#options.owned) this.#client.disconnect();
    this.#readiness.unlisten(this.#options.owned);
  }
}

/** Groups commands that follow each other and live in one slot. */
function neighbours(commands: readonly Command[]): Unit[] {
  const groups: Command[][] = [];
  let last: number | undefined;
  for (const command of commands) {
    const key = keyOf(command);
    const slot = key === undefined ? undefined : slotOf(key);
    if (slot !== undefined && slot === last) groups.at(-1)?.push(command);
    else groups.push([command]);
    last = slot;
  }
  return groups.map((group) => ({ commands: group }));
}

import { setTimeout as sleep } from "node:timers/promises";
import { StoreUnavailableError } from "../../errors.js";
import { keyOf } from "./commands.js";
import type { ServerConnection } from "./connection.js";
import { withDeadline } from "./deadline.js";
import { type NatMap, type Redirect, redirectOf } from "./redirect.js";
import { slotOf } from "./slot.js";
import type { Topology } from "./topology.js";
import type { Outcome, Unit } from "./unit.js";

/** A unit on its way to the server that holds its key. */
interface Parcel {
  readonly unit: Unit;
  readonly slot: number | undefined;
  /** Its place among those that are sent together. */
  readonly index: number;
  /** Where a server has sent it, if one has. */
  readonly redirect?: Redirect;
}

/** What became of a parcel: an outcome, or the error for which it was never sent. */
interface Delivery {
  readonly parcel: Parcel;
  readonly server: ServerConnection;
  readonly outcome: Outcome | { readonly unsent: unknown };
}

/** What became of a unit in the end, and where. */
export interface Delivered {
  readonly outcome: Outcome;
  readonly server: ServerConnection;
}

/** What is left at least for an attempt. */
const LEAST_BUDGET_MS = 100;
/** The pause before a server is asked again that is handing a slot over. */
const PAUSE_MS = 25;

/**
 * Brings units to the servers of a cluster that hold their keys. What a server refuses because the key lives
 * elsewhere was not done, and goes there; what was sent and not answered is never sent again.
 */
export class Courier {
  readonly #topology: Topology;
  readonly #natMap: NatMap | undefined;

  constructor(topology: Topology, natMap: NatMap | undefined) {
    this.#topology = topology;
    this.#natMap = natMap;
  }

  /**
   * Sends units, those of one server in one round trip, until each has an outcome.
   * @param budget milliseconds after which a refusal is an outcome.
   * @param isImpatient whether TRYAGAIN is an outcome.
   * @throws {StoreError} when a server fails or takes too long.
   */
  async deliver(units: readonly Unit[], budget: number, isImpatient = false): Promise<Delivered[]> {
    const due = performance.now() + budget;
    const delivered: Delivered[] = [];
    let parcels: Parcel[] = units.map((unit, index) => ({ unit, index, slot: slotOfUnit(unit) }));
    for (let round = 0; parcels.length > 0; round++) {
      if (round > 1) await sleep(PAUSE_MS);
      const deliveries = await this.#round(parcels, due);
      const hasTime = performance.now() < due - LEAST_BUDGET_MS;
      parcels = [];
      for (const delivery of deliveries) {
        const again = hasTime ? this.#again(delivery, isImpatient) : undefined;
        if (again !== undefined) parcels.push(again);
        else delivered[delivery.parcel.index] = settled(delivery);
      }
    }
    return delivered;
  }

  async #round(parcels: readonly Parcel[], due: number): Promise<Delivery[]> {
    const groups = new Map<ServerConnection, Parcel[]>();
    for (const parcel of parcels) {
      const server = await this.#serverOf(parcel, due);
      const group = groups.get(server);
      if (group === undefined) groups.set(server, [parcel]);
      else group.push(parcel);
    }
    const sent = [...groups].map(([server, group]) => this.#send(server, group, due));
    return (await Promise.all(sent)).flat();
  }

  /** Asks who holds which slot, where the server that is said to hold this one is not there. */
  async #serverOf(parcel: Parcel, due: number): Promise<ServerConnection> {
    const known = this.#find(parcel);
    if (known?.isUsable()) return known;
    await this.#topology.refresh(left(due));
    const server = this.#find(parcel);
    if (server !== undefined) return server;
    throw new StoreUnavailableError("No server of the Redis cluster holds the slot of this key.");
  }

  #find({ redirect, slot }: Parcel): ServerConnection | undefined {
    const told = redirect?.address === undefined ? undefined : this.#topology.at(redirect.address);
    return told ?? this.#topology.primaryOf(slot);
  }

  async #send(server: ServerConnection, parcels: readonly Parcel[], due: number): Promise<Delivery[]> {
    try {
      if (!server.isUsable()) await withDeadline(server.connected(), left(due));
    } catch (unsent) {
      await this.#topology.refresh(left(due));
      return parcels.map((parcel) => ({ parcel, server, outcome: { unsent } }));
    }
    const units = parcels.map(({ unit, redirect }) => ({ ...unit, asking: redirect?.asking ?? false }));
    try {
      const outcomes = await server.exchange(units, 0, left(due));
      return parcels.map((parcel, n) => ({ parcel, server, outcome: outcomes[n] ?? { replies: [] } }));
    } catch (error) {
      // The next call shall know who has taken over.
      void this.#topology.refresh(left(due));
      throw error;
    }
  }

  /** The parcel to send again, if what became of it says so. */
  #again({ parcel, server, outcome }: Delivery, isImpatient: boolean): Parcel | undefined {
    const { redirect: _, ...bare } = parcel;
    if ("unsent" in outcome) return this.#topology.primaryOf(parcel.slot) === server ? undefined : bare;
    const redirect = "error" in outcome ? redirectOf(outcome.error, this.#natMap) : undefined;
    if (redirect === undefined || (isImpatient && redirect.kind === "TRYAGAIN")) return undefined;
    if (redirect.kind === "MOVED") void this.#topology.refresh(LEAST_BUDGET_MS);
    return { ...bare, redirect };
  }
}

function settled({ outcome, server }: Delivery): Delivered {
  return { outcome: "unsent" in outcome ? { error: server.explain(outcome.unsent) } : outcome, server };
}

function slotOfUnit({ commands }: Unit): number | undefined {
  const key = commands[0] && keyOf(commands[0]);
  return key === undefined ? undefined : slotOf(key);
}

/** Milliseconds until then, and a few in any case. */
function left(due: number): number {
  return Math.max(LEAST_BUDGET_MS, due - performance.now());
}

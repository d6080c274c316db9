import type { Lease } from "../../src/backends/backend.js";
import { entry } from "../helpers/entries.js";
import { id, link, nextSeed, raw, rows, write } from "./operation-kit.js";
import type { Operation, Remains, Server } from "./operations.js";

/** Longer than any fault, in milliseconds. */
const LIFE_MS = 60_000;

/** What is done with leases, and the messages that follow. */
export async function prepareLeases(server: Server, observer: Server, length?: number): Promise<Operation[]> {
  const { backend } = server;
  const wanted = link(nextSeed());
  const renewed = await leaseOf(observer);
  const released = await leaseOf(observer);
  const [made, leased] = [nextSeed(), await leaseOf(observer)];
  const value = entry({ value: rows(made, length) });
  return raw([
    write(
      "backend acquireLease",
      2,
      async () => isLease(await backend.acquireLease(wanted, LIFE_MS)),
      async (observer) => ((await isTaken(observer, wanted)) ? "done" : "undone"),
    ),
    write("backend renewLease", 2, () => backend.renewLease(renewed, LIFE_MS)),
    write(
      "backend releaseLease",
      2,
      () => backend.releaseLease(released),
      async (observer) => ((await isTaken(observer, released.name)) ? "undone" : "done"),
    ),
    write(
      "backend setLeased",
      2,
      () => backend.setLeased(id(made), value, leased),
      async ({ backend }): Promise<Remains> => {
        const isNamed = (await backend.getLink(leased.name)) === id(made);
        const found = (await backend.get(id(made)))?.json;
        if (found === undefined) return isNamed ? "wrong" : "undone";
        return found !== value.json ? "wrong" : isNamed ? "done" : "partly";
      },
    ),
    {
      name: "backend publish",
      kind: "message",
      steps: 1,
      async run() {
        await backend.publish({ topic: "faults", names: ["of the operation"] });
        return "value";
      },
    },
  ]);
}

async function leaseOf({ backend }: Server): Promise<Lease> {
  const lease = await backend.acquireLease(link(nextSeed()), LIFE_MS);
  if (!isLease(lease)) throw new Error(`a new lease is ${lease}`);
  return lease;
}

function isLease(lease: Lease | string): lease is Lease {
  return typeof lease !== "string";
}

async function isTaken({ backend }: Server, name: string): Promise<boolean> {
  return (await backend.acquireLease(name, LIFE_MS)) === "taken";
}

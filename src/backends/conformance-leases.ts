import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { DEFAULT_POLICY } from "../access/policy.js";
import type { Entry } from "../entry/entry.js";
import { StoreUnavailableError } from "../errors.js";
import {
  type CacheBackend,
  hasLeases,
  hasLinks,
  type Lease,
  type LeaseStore,
  type LinkStore,
} from "./backend.js";

type Backend = CacheBackend & LinkStore & LeaseStore;

const A = "check:00000000000000000000000000000001";
const B = "check:00000000000000000000000000000002";
const NAME = "memo:1";
/** Longer than any check takes. */
const LONG = 60_000;
const SHORT = 300;

/** What a backend with leases must do. */
export const LEASE_CHECKS: Readonly<Record<string, (backend: CacheBackend) => Promise<void>>> = {
  "leases: one of many that ask at once gets it, name by name": whereLeases(async (backend) => {
    const asking = Array.from({ length: 20 }, () => backend.acquireLease(NAME, LONG));
    const outcomes = await Promise.all(asking);
    assert.equal(outcomes.filter((outcome) => outcome === "taken").length, 19);
    assert.equal(typeof (await backend.acquireLease("memo:10", LONG)), "object");
  }),

  "leases: are free again when they end, or are given back": whereLeases(async (backend) => {
    await taken(backend, SHORT);
    assert.equal(await backend.acquireLease(NAME, LONG), "taken");
    await sleep(SHORT + 50);
    const lease = await taken(backend);
    assert.equal(await backend.releaseLease(lease), true);
    await taken(backend);
  }),

  "leases: last longer when they are renewed": whereLeases(async (backend) => {
    const lease = await taken(backend, SHORT);
    assert.equal(await backend.renewLease(lease, LONG), true);
    await sleep(SHORT + 50);
    assert.equal(await backend.acquireLease(NAME, LONG), "taken");
  }),

  "leases: cannot be renewed or given back once they have ended": whereLeases(async (backend) => {
    const lease = await taken(backend, SHORT);
    await sleep(SHORT + 50);
    assert.equal(await backend.renewLease(lease, LONG), false);
    assert.equal(await backend.releaseLease(lease), false);
    await taken(backend);
  }),

  "leases: obey nobody but their owner": whereLeases(async (backend) => {
    const lease = await taken(backend);
    const other = { ...lease, owner: "somebody else" };
    assert.equal(await backend.renewLease(other, 1), false);
    assert.equal(await backend.releaseLease(other), false);
    await sleep(10);
    assert.equal(await backend.acquireLease(NAME, LONG), "taken");
    assert.equal(await backend.renewLease(lease, LONG), true);
  }),

  "leases: have numbers that grow": whereLeases(async (backend) => {
    const fences: number[] = [];
    for (let n = 0; n < 5; n++) {
      const lease = await taken(backend, n % 2 === 0 ? LONG : 20);
      fences.push(lease.fence);
      if (n % 2 === 0) await backend.releaseLease(lease);
      else await sleep(40);
    }
    assert.deepEqual(
      fences,
      [...new Set(fences)].sort((a, b) => a - b),
    );
  }),

  "leases: the holder points the name at its entry, and is done": whereLeases(async (backend) => {
    const lease = await taken(backend);
    assert.equal(await backend.setLeased(A, entry(), lease), true);
    assert.equal(await backend.getLink(NAME), A);
    assert.deepEqual(await backend.get(A), entry());
    assert.equal(await backend.renewLease(lease, LONG), false);
    await taken(backend, LONG, A);
  }),

  "leases: the link ends with the entry": whereLeases(async (backend) => {
    await backend.setLeased(A, entry(Date.now() + 400), await taken(backend));
    assert.equal(await backend.getLink(NAME), A);
    await sleep(450);
    assert.equal(await backend.getLink(NAME), undefined);
  }),

  "leases: who comes too late does not replace what came since": whereLeases(async (backend) => {
    const late = await taken(backend, SHORT);
    await sleep(SHORT + 50);
    const lease = await taken(backend);
    assert.equal(await backend.setLeased(A, entry(), late), false);
    assert.ok(await backend.exists(A));
    assert.equal(await backend.getLink(NAME), undefined);
    assert.equal(await backend.acquireLease(NAME, LONG), "taken");
    assert.equal(await backend.setLeased(B, entry(), lease), true);
    assert.equal(await backend.setLeased(A, entry(), late), false);
    assert.equal(await backend.getLink(NAME), B);
  }),

  "leases: who comes late, and first, is in time": whereLeases(async (backend) => {
    const late = await taken(backend, SHORT);
    await sleep(SHORT + 50);
    assert.equal(await backend.setLeased(A, entry(), late), true);
    assert.equal(await backend.getLink(NAME), A);
  }),

  "leases: are not given where there is news": whereLeases(async (backend) => {
    await backend.setLinked(A, entry(), NAME);
    assert.equal(await backend.acquireLease(NAME, LONG), "changed");
    assert.equal(await backend.acquireLease(NAME, LONG, B), "changed");
    await backend.setLeased(B, entry(), await taken(backend, LONG, A));
    assert.equal(await backend.acquireLease(NAME, LONG, A), "changed");
    await taken(backend, LONG, B);
    assert.equal(typeof (await backend.acquireLease("memo:2", LONG, A)), "object");
  }),

  "leases: go when everything is cleared": whereLeases(async (backend) => {
    const lease = await taken(backend);
    await backend.clear();
    assert.equal(await backend.setLeased(A, entry(), lease), false);
    await taken(backend);
    assert.equal(await backend.clear(), 1);
  }),

  "leases: reject after close": whereLeases(async (backend) => {
    const lease = await taken(backend);
    await backend.close();
    await assert.rejects(backend.acquireLease(NAME, LONG), StoreUnavailableError);
    await assert.rejects(backend.renewLease(lease, LONG), StoreUnavailableError);
    await assert.rejects(backend.releaseLease(lease), StoreUnavailableError);
    await assert.rejects(backend.setLeased(A, entry(), lease), StoreUnavailableError);
  }),
};

function whereLeases(check: (backend: Backend) => Promise<void>) {
  return async (backend: CacheBackend) =>
    hasLeases(backend) && hasLinks(backend) ? check(backend) : undefined;
}

async function taken(backend: Backend, life = LONG, seen?: string): Promise<Lease> {
  const lease = await backend.acquireLease(NAME, life, seen);
  assert.ok(typeof lease === "object", `the lease should be free, and is ${lease}`);
  return lease;
}

function entry(expiresAt: number | null = null): Entry {
  return {
    json: "[1]",
    namespace: "checks",
    policy: DEFAULT_POLICY,
    createdAt: 1_700_000_000_000,
    expiresAt,
    metadata: { toolName: null, totalItems: 1, totalSize: 3 },
  };
}

import { nanoid } from "nanoid";
import type { Lease } from "../backend.js";

/** How many names are remembered before those of ended leases are forgotten. */
const MOST_NAMES = 10_000;

/** Leases among those who use one memory store. */
export class MemoryLeases {
  readonly #leases = new Map<string, { readonly lease: Lease; endsAt: number }>();
  #fence = 0;

  /** See {@link LeaseStore.acquireLease}. */
  acquire(name: string, life: number): Lease | "taken" {
    const now = performance.now();
    const held = this.#leases.get(name);
    if (held !== undefined && held.endsAt > now) return "taken";
    if (this.#leases.size >= MOST_NAMES) this.#forgetEnded(now);
    const lease = { name, owner: nanoid(), fence: ++this.#fence };
    this.#leases.set(name, { lease, endsAt: now + life });
    return lease;
  }

  /** See {@link LeaseStore.renewLease}. */
  renew({ name, owner }: Lease, life: number): boolean {
    const now = performance.now();
    const held = this.#leases.get(name);
    if (held === undefined || held.lease.owner !== owner || held.endsAt <= now) return false;
    held.endsAt = now + life;
    return true;
  }

  /** See {@link LeaseStore.releaseLease}. */
  release(lease: Lease): boolean {
    return this.renew(lease, 0);
  }

  /** Tells whether nobody has taken the lease since. */
  isNewest({ name, fence }: Lease): boolean {
    return this.#leases.get(name)?.lease.fence === fence;
  }

  clear(): void {
    this.#leases.clear();
  }

  #forgetEnded(now: number): void {
    for (const [name, { endsAt }] of this.#leases) if (endsAt <= now) this.#leases.delete(name);
  }
}

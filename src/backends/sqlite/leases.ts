import { nanoid } from "nanoid";
import type { Lease } from "../backend.js";
import type { Statements } from "./statements.js";

/** See {@link LeaseStore.acquireLease}. The row of a lease that has ended stays for a day, for its number. */
export function acquireLease(
  statements: Statements,
  name: string,
  life: number,
  seen: string | undefined,
): Lease | "taken" | "changed" {
  let outcome: Lease | "taken" | "changed" = "taken";
  statements.transaction(() => {
    const now = Date.now();
    const link = statements.getLink.get(name, now / 1000)?.ref_id;
    const last = statements.getLease.get(name);
    if (link !== undefined && link !== seen) outcome = "changed";
    else if (last === undefined || last.ends_at <= now / 1000) {
      // By the time, so that it grows also after the row was removed.
      const fence = Math.max(now, (last?.fence ?? 0) + 1);
      outcome = { name, owner: nanoid(), fence };
      statements.setLease.run(name, outcome.owner, fence, (now + life) / 1000);
    }
  });
  return outcome;
}

/** See {@link LeaseStore.renewLease}. */
export function renewLease({ moveLeaseEnd }: Statements, { name, owner }: Lease, life: number): boolean {
  const now = Date.now();
  return moveLeaseEnd.run((now + life) / 1000, name, owner, now / 1000).changes > 0;
}

/** See {@link LeaseStore.releaseLease}. */
export function endLease(statements: Statements, lease: Lease): boolean {
  return renewLease(statements, lease, 0);
}

/** Tells whether nobody has taken the lease since. */
export function isNewestLease({ getLease }: Statements, { name, fence }: Lease): boolean {
  return getLease.get(name)?.fence === fence;
}

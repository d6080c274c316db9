import type { Lease, LeaseStore } from "../backends/backend.js";
import type { Entry } from "../entry/entry.js";

/** How often a lease is renewed in its life; two failures in a row do not lose it. */
const RENEWALS_PER_LIFE = 3;

/** A lease in the hands of the one who runs: renewed until it is let go of. */
export class HeldLease {
  readonly #store: LeaseStore;
  readonly #lease: Lease;
  readonly #timer: NodeJS.Timeout;
  #isRenewing = false;
  #isSettled = false;
  #wasTaken = false;

  /** @param life milliseconds for which the lease was given. */
  constructor(store: LeaseStore, lease: Lease, life: number) {
    this.#store = store;
    this.#lease = lease;
    this.#timer = setInterval(() => void this.#renew(life), life / RENEWALS_PER_LIFE).unref();
  }

  /**
   * Stores the result, under the lease's name unless another server has taken over meanwhile, and gives the lease back.
   * @throws {StoreError}
   */
  save(refId: string, entry: Entry): Promise<void> {
    return this.saveBy((lease) => this.#store.setLeased(refId, entry, lease));
  }

  /** As {@link HeldLease.save}, by what stores as `setLeased` does. */
  async saveBy(store: (lease: Lease) => Promise<boolean>): Promise<void> {
    this.#wasTaken = !(await store(this.#lease));
    this.#isSettled = true;
  }

  /** Whether somebody else had taken the lease when the result was stored, so that no name leads to it. */
  get wasTaken(): boolean {
    return this.#wasTaken;
  }

  /** Lets go of the lease; gives it back where nothing was stored. */
  async end(): Promise<void> {
    clearInterval(this.#timer);
    if (!this.#isSettled) await this.#store.releaseLease(this.#lease);
  }

  /** A lease that is lost shows when the result is stored. */
  async #renew(life: number): Promise<void> {
    if (this.#isRenewing) return;
    this.#isRenewing = true;
    try {
      if (!(await this.#store.renewLease(this.#lease, life))) clearInterval(this.#timer);
    } catch {
      // The store may be back at the next time; the lease ends by itself if it is not.
    } finally {
      this.#isRenewing = false;
    }
  }
}

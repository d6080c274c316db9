import { type CacheBackend, MemoryBackend, StoreUnavailableError } from "../../src/index.js";

type Operation = "get" | "head" | "set" | "getLink" | "setLinked";

/** A memory backend that fails on demand, as a store does that went away. */
export class FlakyBackend extends MemoryBackend implements CacheBackend {
  readonly down = new Set<Operation>();
  readonly calls: Operation[] = [];

  override async get(...args: Parameters<MemoryBackend["get"]>) {
    this.#check("get");
    return super.get(...args);
  }

  override async head(...args: Parameters<MemoryBackend["head"]>) {
    this.#check("head");
    return super.head(...args);
  }

  /** Counts as `get`, which it is in a backend that reads no parts. */
  override async look(...args: Parameters<MemoryBackend["look"]>) {
    this.#check("get");
    return super.look(...args);
  }

  override async set(...args: Parameters<MemoryBackend["set"]>) {
    this.#check("set");
    return super.set(...args);
  }

  override async getLink(...args: Parameters<MemoryBackend["getLink"]>) {
    this.#check("getLink");
    return super.getLink(...args);
  }

  override async setLinked(...args: Parameters<MemoryBackend["setLinked"]>) {
    this.#check("setLinked");
    return super.setLinked(...args);
  }

  /** Every operation fails from now on. */
  goDown(): void {
    for (const operation of ["get", "head", "set", "getLink", "setLinked"] as const) this.down.add(operation);
  }

  #check(operation: Operation): void {
    this.calls.push(operation);
    if (this.down.has(operation))
      throw new StoreUnavailableError("The store at /srv/canary cannot be reached.");
  }
}

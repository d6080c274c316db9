import type { CopiedKey, NewEntry } from "../backend.js";
import type { Copies } from "./copies.js";
import type { Flight } from "./flights.js";
import { entryKey, linkKey } from "./keys.js";

/** Entries, and names that lead to them, on their way to the store together. */
export class WriteFlights {
  readonly #copies: Copies;
  readonly #entries = new Map<string, Flight>();
  readonly #links = new Map<string, Flight>();

  /** Begins; what was copied of them is gone. */
  constructor(copies: Copies, what: readonly NewEntry[]) {
    this.#copies = copies;
    for (const { refId, name } of what) {
      this.#begin(this.#entries, entryKey(refId));
      if (name !== undefined) this.#begin(this.#links, linkKey(name));
    }
  }

  /** Copies what was written, unless it may have changed meanwhile. */
  keep(written: readonly NewEntry[]): void {
    for (const { refId, entry, name } of written) {
      const flight = this.#entries.get(refId);
      const linkFlight = name === undefined ? undefined : this.#links.get(name);
      if (flight) this.#copies.keepEntry(flight, entry, entry.expiresAt, true);
      if (linkFlight) this.#copies.keepLink(linkFlight, refId, entry.expiresAt, true);
    }
  }

  /** Ends it, kept or not. */
  end(): void {
    for (const flights of [this.#entries, this.#links])
      for (const flight of flights.values()) this.#copies.abandon(flight);
  }

  #begin(flights: Map<string, Flight>, key: CopiedKey): void {
    if (!flights.has(key.name)) flights.set(key.name, this.#copies.beginWrite(key));
  }
}

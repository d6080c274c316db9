import type { CopiedKey } from "../backend.js";

/** A read or write of the store that is under way, whose result may be copied when it is over. */
export interface Flight {
  readonly key: CopiedKey;
  /** Whether changes were heard when it began. */
  readonly isHeard: boolean;
  /** How often a change of its key was heard meanwhile. */
  changes: number;
  /** Whether something happened by which its result must not be copied at all. */
  isVoid: boolean;
}

/**
 * What is under way at the store. A result that was on its way while its key changed must not become a copy: the
 * change was heard before there was anything to drop.
 */
export class Flights {
  readonly #flights = new Map<string, Set<Flight>>();

  begin(key: CopiedKey, isHeard: boolean): Flight {
    const flight = { key, isHeard, changes: 0, isVoid: false };
    const id = idOf(key);
    const others = this.#flights.get(id);
    if (others === undefined) this.#flights.set(id, new Set([flight]));
    else others.add(flight);
    return flight;
  }

  end(flight: Flight): void {
    const id = idOf(flight.key);
    const flights = this.#flights.get(id);
    flights?.delete(flight);
    if (flights?.size === 0) this.#flights.delete(id);
  }

  /** A change of a key was heard. */
  changed(key: CopiedKey): void {
    for (const flight of this.#flights.get(idOf(key)) ?? []) flight.changes++;
  }

  /** This process itself writes: what else is under way for the key is not copied. */
  outdate(key: CopiedKey): void {
    for (const flight of this.#flights.get(idOf(key)) ?? []) flight.isVoid = true;
  }

  outdateAll(): void {
    for (const flights of this.#flights.values()) for (const flight of flights) flight.isVoid = true;
  }
}

function idOf({ kind, name }: CopiedKey): string {
  return `${kind} ${name}`;
}

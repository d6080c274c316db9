/** A part of a list or object, with its name where it is a member. */
export interface RemotePart {
  readonly key: string | undefined;
  readonly value: unknown;
}

/** A list or object that is not at hand whole: larger than any preview, its parts are fetched when asked for. */
export abstract class RemoteContainer {
  abstract readonly kind: "items" | "members";
  abstract readonly count: number;
  /** @throws {PartsMissing} unless all of these parts are at hand. */
  abstract want(indices: readonly number[]): void;
  /** @throws {PartsMissing} when it is not at hand. */
  abstract part(index: number): RemotePart;
}

/** A text that is not at hand whole: larger than any preview. */
export abstract class RemoteText {
  /** In UTF-16 code units. */
  abstract readonly length: number;
  /**
   * At least so many characters from its beginning, or all.
   * @throws {PartsMissing} when they are not at hand.
   */
  abstract beginning(characters: number): string;
}

/** Tells what is not at hand whole from what is. */
export function isRemote(value: unknown): value is RemoteContainer | RemoteText {
  return value instanceof RemoteContainer || value instanceof RemoteText;
}

/** Thrown by work that came to parts which are not at hand; once `load` is done, the work is begun anew. */
export class PartsMissing extends Error {
  constructor(readonly load: () => Promise<void>) {
    super("parts are missing");
  }
}

/** Attempts at work that needs parts; each gets further, and a preview takes some ten. */
const MOST_ATTEMPTS = 1000;

/** Does work on what is remote, fetching what it comes to. The work must change nothing. */
export async function withParts<T>(work: () => T): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    try {
      return work();
    } catch (missing) {
      if (!(missing instanceof PartsMissing) || attempt >= MOST_ATTEMPTS) throw missing;
      await missing.load();
    }
  }
}

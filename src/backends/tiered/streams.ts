import type { CommitOptions, EntryWriter, StreamStore } from "../backend.js";
import { entryKey, linkKey } from "./keys.js";
import type { Tiers } from "./tiers.js";

/** Writes texts that come in pieces to the store behind. They are not copied: none is ever held whole. */
export function streams(tiers: Tiers, store: StreamStore): StreamStore {
  return {
    openText: async (refId) => {
      const writer = await tiers.guard.ask(() => store.openText(refId));
      return new TieredWriter(tiers, refId, writer);
    },
  };
}

class TieredWriter implements EntryWriter {
  readonly #tiers: Tiers;
  readonly #refId: string;
  readonly #writer: EntryWriter;

  constructor(tiers: Tiers, refId: string, writer: EntryWriter) {
    this.#tiers = tiers;
    this.#refId = refId;
    this.#writer = writer;
  }

  write(bytes: Uint8Array): Promise<void> {
    return this.#tiers.guard.ask(() => this.#writer.write(bytes));
  }

  commit(head: Parameters<EntryWriter["commit"]>[0], options: CommitOptions = {}): Promise<boolean> {
    const name = options.name ?? options.lease?.name;
    const keys = [entryKey(this.#refId), ...(name === undefined ? [] : [linkKey(name)])];
    return this.#tiers.change(keys, () => this.#writer.commit(head, options));
  }

  abort(): Promise<void> {
    return this.#writer.abort();
  }
}

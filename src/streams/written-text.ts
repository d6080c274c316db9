import type { Sealer } from "../at-rest/sealer.js";
import type { CommitOptions, EntryWriter, StreamStore } from "../backends/backend.js";
import type { EntryHead } from "../entry/entry.js";
import type { Outline } from "../outline/outline.js";
import type { RefId } from "../reference.js";

const NOTHING = new Uint8Array();

/** What the store threw while a stream was written: no failure of whoever gave the stream. */
export class WritingFailure {
  constructor(readonly cause: unknown) {}
}

/** The text of a value that is in the store, and no entry yet. */
export class WrittenText {
  readonly refId: RefId;
  readonly #writer: EntryWriter;
  readonly #sealer: Sealer;

  private constructor(refId: RefId, writer: EntryWriter, sealer: Sealer) {
    this.refId = refId;
    this.#writer = writer;
    this.#sealer = sealer;
  }

  /** Begins to write. @throws {WritingFailure} */
  static async open(refId: RefId, backend: StreamStore, sealer: Sealer): Promise<WrittenText> {
    try {
      return new WrittenText(refId, await backend.openText(refId), sealer);
    } catch (error) {
      throw new WritingFailure(error);
    }
  }

  /** Writes the next bytes of the text. @throws {WritingFailure} */
  async write(bytes: Uint8Array): Promise<void> {
    await this.#writeAll(this.#sealer.push(bytes));
  }

  /** To be called behind the last bytes. @throws {WritingFailure} */
  async end(): Promise<void> {
    await this.#writeAll(this.#sealer.end());
  }

  /** The head as the store will have it. */
  seal(head: EntryHead): EntryHead {
    return this.#sealer.seal(head);
  }

  /** The outline with what it takes to find its parts in the store. */
  mapped(outline: Outline): Outline {
    const blocks = this.#sealer.map();
    return blocks === undefined ? outline : { ...outline, blocks };
  }

  /** Makes it an entry. What was written is gone where that fails. @throws {StoreError} */
  async commit(sealed: EntryHead, options: CommitOptions): Promise<boolean> {
    try {
      return await this.#writer.commit(sealed, options);
    } catch (error) {
      await this.#writer.abort();
      throw error;
    }
  }

  /** Removes what was written. Never rejects. */
  abort(): Promise<void> {
    return this.#writer.abort();
  }

  /** In one step; of nothing as well, which tells the store that the writer lives. */
  async #writeAll(pieces: readonly Uint8Array[]): Promise<void> {
    const [only = NOTHING, ...others] = pieces;
    try {
      await this.#writer.write(others.length === 0 ? only : Buffer.concat(pieces));
    } catch (error) {
      throw new WritingFailure(error);
    }
  }
}

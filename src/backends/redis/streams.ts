import { nanoid } from "nanoid";
import type { EntryHead } from "../../entry/entry.js";
import { ENTRY_BEGINNING, entryEnding } from "../../entry/wire.js";
import { StoreError, StoreFullError, StoreUnavailableError } from "../../errors.js";
import { asBuffer } from "../../outline/utf8.js";
import type { CommitOptions, EntryWriter } from "../backend.js";
import type { Command, Connection } from "./commands.js";
import { writing } from "./entry-commands.js";
import { entryKey, linkKey, outlineKey, writingKey } from "./keys.js";
import type { RedisLabels } from "./labels.js";
import type { RedisLeases } from "./leases.js";

/** How long what was written is kept when nothing follows, in milliseconds. */
const WRITING_MS = 600_000;

/** The most that Redis keeps under one key, as it is set by default. */
const MOST_BYTES = 512 * 1024 * 1024;

/** Now and then the server moves all that is there to make room, which counts as sending a tenth of it. */
const MOVING_SHARE = 10;

/** What the writer of an entry needs to know of its store. */
export interface RedisWriterOptions {
  readonly refId: string;
  readonly labels: RedisLabels;
  readonly leases: RedisLeases;
}

/**
 * Writes the text of an entry under a key of its own, which becomes the entry's key in the end. That it is complete
 * is told by its length, which the server says with each piece.
 */
export class RedisWriter implements EntryWriter {
  readonly #connection: Connection;
  readonly #options: RedisWriterOptions;
  readonly #key: string;
  #length = 0;

  constructor(connection: Connection, options: RedisWriterOptions) {
    this.#connection = connection;
    this.#options = options;
    this.#key = writingKey(options.refId, nanoid());
  }

  /** See {@link EntryWriter.write}. One round trip. */
  async write(bytes: Uint8Array): Promise<void> {
    await this.#append(this.#length === 0 ? Buffer.concat([BEGINNING, bytes]) : asBuffer(bytes));
  }

  /** See {@link EntryWriter.commit}. Two round trips; on a cluster a link takes another. */
  async commit(head: EntryHead, { outline, name, lease }: CommitOptions = {}): Promise<boolean> {
    const { refId, labels, leases } = this.#options;
    const { expiresAt } = head;
    await this.#append(Buffer.from((this.#length === 0 ? ENTRY_BEGINNING : "") + entryEnding(head)));
    const noting = labels.noting([{ refId, entry: head }]);
    const link = name === undefined ? [] : [writing(linkKey(name), refId, expiresAt)];
    await this.#connection.inOrder([...noting, ...this.#moving(expiresAt, outline), ...link]);
    return lease === undefined || leases.link(lease, refId, expiresAt);
  }

  /** See {@link EntryWriter.abort}. */
  async abort(): Promise<void> {
    await this.#connection.call(["unlink", this.#key]).catch((error: unknown) => {
      if (!(error instanceof StoreError)) throw error;
    });
  }

  /** One transaction, as all keys share a slot. */
  #moving(expiresAt: number | null, outline: Uint8Array | undefined): Command[] {
    const { refId } = this.#options;
    const key = entryKey(refId);
    const life = expiresAt === null ? undefined : Math.max(1, Math.ceil(expiresAt - Date.now()));
    const beside = outlineKey(refId);
    return [
      ["rename", this.#key, key],
      life === undefined ? ["persist", key] : ["pexpire", key, life],
      outline === undefined
        ? ["unlink", beside]
        : ["set", beside, asBuffer(outline), ...(life === undefined ? [] : ["PX", life])],
    ];
  }

  async #append(bytes: Buffer): Promise<void> {
    this.#length += bytes.length;
    if (this.#length > MOST_BYTES)
      throw new StoreFullError("The value is larger than the 512 MiB that Redis keeps under one key.");
    const append: Command = ["append", this.#key, bytes];
    const renew: Command = ["pexpire", this.#key, WRITING_MS];
    const allowed = bytes.length + this.#length / MOVING_SHARE;
    const [length] = await this.#connection.inOrder([append, renew], allowed);
    if (length !== this.#length)
      throw new StoreUnavailableError(
        "The Redis store has dropped what was written of a value, as after ten minutes without a piece. Store it again.",
      );
  }
}

const BEGINNING = Buffer.from(ENTRY_BEGINNING);

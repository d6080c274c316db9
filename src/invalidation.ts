import { nanoid } from "nanoid";
import { type CacheBackend, type ChannelMessage, hasChannel } from "./backends/backend.js";
import { type Label, type LabelKind, labelText } from "./entry/labels.js";

/** What the result of a call that is running will bear. */
export interface Bearer {
  readonly namespace: string;
  readonly toolName: string | undefined;
  readonly tags: readonly string[];
}

/** Labels whose invalidation is remembered one by one; beyond, all are taken for invalidated. */
const MOST_LABELS = 10_000;
/** Begins the topic of messages among servers, before who sends it; one without names means everything. */
const TOPIC = "invalidated/";
/** Names of one message. */
const NAMES_PER_MESSAGE = 16;
/** Milliseconds in which a connection to listen on comes about, as a rule: what is missed before is taken for nothing. */
const BEGINNING_MS = 1000;

/**
 * Tells when what a label stands for was last invalidated, here or by another server on the store: what began before is not
 * to be found again. Hears of others from the first question on.
 */
export class Invalidations {
  readonly #backend: CacheBackend;
  readonly #onInvalidated: () => void;
  readonly #last = new Map<string, number>();
  /** When everything was last invalidated. */
  #all = 0;
  #count = 0;
  readonly #topic = TOPIC + nanoid();
  #listeningSince: number | undefined;

  /** @param onInvalidated called whenever something is invalidated, here or elsewhere. */
  constructor(backend: CacheBackend, onInvalidated: () => void = () => {}) {
    this.#onInvalidated = onInvalidated;
    this.#backend = backend;
  }

  /** A number that changes whenever something is invalidated that the bearer bears. */
  generationOf({ namespace, toolName, tags }: Bearer): number {
    if (this.#listeningSince === undefined) this.#listen();
    if (this.#last.size === 0) return this.#all;
    const since = [
      this.#all,
      this.#lastOf("namespace", namespace),
      ...tags.map((tag) => this.#lastOf("tag", tag)),
    ];
    return Math.max(...since, toolName === undefined ? 0 : this.#lastOf("tool", toolName));
  }

  /**
   * To be called before what bears one of these labels is removed, or everything where none is given. Tells the other
   * servers on the store.
   * @throws {StoreError}
   */
  async begin(labels?: readonly Label[]): Promise<void> {
    const names = labels?.map(labelText) ?? [];
    if (labels?.length === 0) return;
    this.#note(names);
    if (!hasChannel(this.#backend)) return;
    for (let at = 0; at === 0 || at < names.length; at += NAMES_PER_MESSAGE)
      await this.#backend.publish({ topic: this.#topic, names: names.slice(at, at + NAMES_PER_MESSAGE) });
  }

  #lastOf(kind: LabelKind, name: string): number {
    return this.#last.get(labelText({ kind, name })) ?? 0;
  }

  #note(names: readonly string[]): void {
    this.#count++;
    if (names.length > 0 && this.#last.size < MOST_LABELS) {
      for (const name of names) this.#last.set(name, this.#count);
    } else {
      this.#last.clear();
      this.#all = this.#count;
    }
    this.#onInvalidated();
  }

  #listen(): void {
    const since = performance.now();
    this.#listeningSince = since;
    if (!hasChannel(this.#backend)) return;
    this.#backend.subscribe({
      message: ({ topic, names }: ChannelMessage) => {
        if (topic.startsWith(TOPIC) && topic !== this.#topic) this.#note(names);
      },
      lost: () => {
        if (performance.now() - since > BEGINNING_MS) this.#note([]);
      },
    });
  }
}

import { expect } from "vitest";
import { type RawAnswer, RawCaller } from "../helpers/raw-mcp.js";
import { canaryOf, noteOf } from "./note-server.js";

const UNAVAILABLE = "This reference is unknown, expired, or not available to you.";
const AT_ONCE = 16;
const NOTES = 40;
const MAKING = ["own", "by_user", "bound", "by_session", "room"] as const;
type Making = (typeof MAKING)[number];

/** A note that a user made. */
interface Held {
  readonly making: Making;
  /** In which of the user's sessions. */
  readonly session: number;
  readonly n: number;
  readonly refId: string;
}

/** A user with two sessions, and what they made in them. */
export class User {
  readonly #held = new Map<string, Held>();

  private constructor(
    readonly name: string,
    readonly sessions: readonly [RawCaller, RawCaller],
  ) {}

  /** Begins both sessions. */
  static async begin(name: string, port: number): Promise<User> {
    const caller = new RawCaller(port, `token-of-${name}`);
    return new User(name, await Promise.all([caller.begin(), caller.begin()]));
  }

  /** Every note that was made. */
  get held(): readonly Held[] {
    return [...this.#held.values()];
  }

  /** Keeps a note; gives the one that an equal call made before, if any. */
  keep(note: Held): Held | undefined {
    const { making, n, session } = note;
    const place = JSON.stringify(isOfSession(note) ? [making, n, session] : [making, n]);
    const known = this.#held.get(place);
    this.#held.set(place, known ?? note);
    return known;
  }
}

function isOfSession({ making }: Held): boolean {
  return making !== "own" && making !== "by_user";
}

/** Random calls of two users who try to get at each other's notes. Each call checks what came of it. */
export class Traffic {
  /** How many calls were made, found an earlier result, were refused a reference, used another's session id. */
  readonly counts = { calls: 0, hits: 0, refusals: 0, thefts: 0 };
  readonly #pairs: readonly (readonly [me: User, other: User])[];
  readonly #isStateless: boolean;
  readonly #shared = new Map<number, string>();
  #seed = 7;

  constructor(one: User, other: User, isStateless: boolean) {
    this.#pairs = [
      [one, other],
      [other, one],
    ];
    this.#isStateless = isStateless;
  }

  /** Makes so many calls, several at once. */
  async run(total: number): Promise<void> {
    const work = async () => {
      while (this.counts.calls < total) await this.#step();
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
  }

  async #step(): Promise<void> {
    const [me, other] = this.#pick(this.#pairs);
    const session = this.#below(2);
    const caller = me.sessions[session] as RawCaller;
    const make = () => this.#make(me, session, this.#pick(MAKING), this.#below(NOTES));
    const steps = [
      make,
      make,
      make,
      () => this.#share(me, caller),
      () => this.#readOwn(me, session),
      () => this.#useOwn(me, session),
      () => this.#steal(me, caller, other),
      () => this.#stealSession(me, other),
    ];
    await this.#pick(steps)();
  }

  /** Equal arguments of both users: each gets a result of their own, and gets it again. */
  async #make(me: User, session: number, making: Making, n: number): Promise<void> {
    const { result } = this.#seen(me, await me.sessions[session]?.call(making, { n }));
    expect(result?.structuredContent?.value).toEqual(noteOf(me.name, n));
    const refId = result?.structuredContent?.ref_id ?? "";
    const known = me.keep({ making, session, n, refId });
    if (known === undefined) return;
    expect(refId).toBe(known.refId);
    this.counts.hits++;
  }

  /** What is shared is one for all. */
  async #share(me: User, caller: RawCaller): Promise<void> {
    const n = this.#below(NOTES);
    const { result } = this.#seen(me, await caller.call("shared", { n }));
    expect(result?.structuredContent?.value).toEqual(noteOf("all", n));
    const refId = result?.structuredContent?.ref_id ?? "";
    expect(refId).toBe(this.#shared.get(n) ?? refId);
    this.#shared.set(n, refId);
  }

  /** A note can be read and used by its owner; what is of a session, in this session only. */
  async #readOwn(me: User, session: number): Promise<void> {
    if (me.held.length === 0) return;
    const note = this.#pick(me.held);
    const caller = me.sessions[session] as RawCaller;
    const ways = [
      () => caller.call("get_cached_result", { ref_id: note.refId }),
      () => caller.read(note.refId),
      () => caller.call("use", { notes: [note.refId] }),
    ];
    const answer = this.#seen(me, await this.#pick(ways)());
    if (isOfSession(note) && note.session !== session) this.#expectRefused(answer);
    else expect(answer.text).toContain(noteOf(me.name, note.n).text);
  }

  /** What is made of one's own notes is one's own. */
  async #useOwn(me: User, session: number): Promise<void> {
    const notes = me.held.filter((note) => !isOfSession(note) || note.session === session);
    if (notes.length === 0) return;
    const [one, two] = [this.#pick(notes), this.#pick(notes)];
    const args = { notes: [one.refId, two.refId] };
    const { result } = this.#seen(me, await me.sessions[session]?.call("use", args));
    expect(result?.structuredContent?.value).toEqual([noteOf(me.name, one.n), noteOf(me.name, two.n)]);
  }

  /** Another's reference is of no use, in whatever session. */
  async #steal(me: User, caller: RawCaller, other: User): Promise<void> {
    if (other.held.length === 0) return;
    const { refId } = this.#pick(other.held);
    const ways = [
      () => caller.call("get_cached_result", { ref_id: refId, full: true }),
      () => caller.read(refId),
      () => caller.call("use", { notes: refId }),
      () => caller.call("use", { notes: [refId] }),
    ];
    this.#expectRefused(this.#seen(me, await this.#pick(ways)()));
  }

  /** Another's session id is of no use either: there is no such session, or it makes one of the thief's own. */
  async #stealSession(me: User, other: User): Promise<void> {
    this.counts.thefts++;
    const thief = me.sessions[0].in(this.#pick(other.sessions).sessionId);
    if (this.#isStateless && this.#below(2) === 0) return this.#steal(me, thief, other);
    const n = this.#below(NOTES);
    const id = this.#below(this.counts.calls + 1); // ids of requests are counted, so another's are easy to guess
    const answer = this.#seen(me, await thief.call(this.#pick(MAKING), { n }, id));
    if (this.#isStateless) expect(answer.result?.structuredContent?.value).toEqual(noteOf(me.name, n));
    else expect(answer).toMatchObject({ status: 404, result: undefined });
  }

  #expectRefused(answer: RawAnswer): void {
    this.counts.refusals++;
    expect(answer.text).toContain(UNAVAILABLE);
  }

  /** Whatever came, no other user's canary is in it. */
  #seen(me: User, answer: RawAnswer | undefined): RawAnswer {
    this.counts.calls++;
    for (const [{ name }] of this.#pairs)
      if (name !== me.name) expect(answer?.text).not.toContain(canaryOf(name));
    return answer as RawAnswer;
  }

  #pick<T>(items: readonly T[]): T {
    return items[this.#below(items.length)] as T;
  }

  /** Random, and the same in every run as far as the server's timing allows. */
  #below(count: number): number {
    this.#seed = (this.#seed * 48_271) % 2_147_483_647;
    return Math.floor((this.#seed / 2_147_483_647) * count);
  }
}

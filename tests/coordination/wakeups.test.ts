import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { ChannelListener, ChannelStore } from "../../src/backends/backend.js";
import { Background } from "../../src/coordination/background.js";
import { LEASE_ENDED, Wakeups } from "../../src/coordination/wakeups.js";

class Channel implements ChannelStore {
  readonly listeners = new Set<ChannelListener>();

  async publish(): Promise<void> {}

  subscribe(listener: ChannelListener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  say(topic: string, ...names: string[]): void {
    for (const listener of this.listeners) listener.message({ topic, names });
  }

  lose(): void {
    for (const listener of this.listeners) listener.lost();
  }
}

/** Tells whether something has settled by now. */
async function isOver(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol("pending");
  await vi.advanceTimersByTimeAsync(0);
  return (await Promise.race([promise, Promise.resolve(pending)])) !== pending;
}

describe("who waits", () => {
  let channel: Channel;
  let wakeups: Wakeups;
  beforeEach(() => {
    vi.useFakeTimers();
    channel = new Channel();
    wakeups = new Wakeups(channel);
  });
  afterEach(() => vi.useRealTimers());

  test("is woken by the end of its own lease, and by no other", async () => {
    const [one, two] = [wakeups.watch("a"), wakeups.watch("b")];
    const sleeping = [one.next(1000, undefined), two.next(1000, undefined)] as const;
    channel.say("other topic", "a", "b");
    expect(await isOver(sleeping[0])).toBe(false);
    channel.say(LEASE_ENDED, "a", "c");
    expect(await isOver(sleeping[0])).toBe(true);
    expect(await isOver(sleeping[1])).toBe(false);
  });

  test("is woken when messages may be lost", async () => {
    const sleeping = wakeups.watch("a").next(1000, undefined);
    channel.lose();
    expect(await isOver(sleeping)).toBe(true);
  });

  test("does not sleep over what was said before it slept, once", async () => {
    const watch = wakeups.watch("a");
    channel.say(LEASE_ENDED, "a");
    expect(await isOver(watch.next(1000, undefined))).toBe(true);
    expect(await isOver(watch.next(1000, undefined))).toBe(false);
  });

  test("looks after the time it has set, channel or not", async () => {
    for (const waking of [wakeups, new Wakeups(undefined)]) {
      const sleeping = waking.watch("a").next(1000, undefined);
      await vi.advanceTimersByTimeAsync(999);
      expect(await isOver(sleeping)).toBe(false);
      await vi.advanceTimersByTimeAsync(1);
      expect(await isOver(sleeping)).toBe(true);
    }
  });

  test("is told when its caller gives up, also before it sleeps", async () => {
    const watch = wakeups.watch("a");
    const aborting = new AbortController();
    const sleeping = watch.next(1000, aborting.signal);
    aborting.abort(new Error("gave up"));
    await expect(sleeping).rejects.toThrow("gave up");
    await expect(watch.next(1000, aborting.signal)).rejects.toThrow("gave up");
  });

  test("shares one subscription, which ends ten seconds after the last one", async () => {
    const watches = [wakeups.watch("a"), wakeups.watch("a"), wakeups.watch("b")];
    expect(channel.listeners.size).toBe(1);
    for (const watch of watches) watch.end();
    await vi.advanceTimersByTimeAsync(9_000);
    const last = wakeups.watch("c");
    await vi.advanceTimersByTimeAsync(11_000);
    expect(channel.listeners.size).toBe(1);
    last.end();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(channel.listeners.size).toBe(0);
    wakeups.watch("a");
    expect(channel.listeners.size).toBe(1);
    wakeups.close();
    expect(channel.listeners.size).toBe(0);
  });
});

describe("work in the background", () => {
  test("is done once at a time under a name, and again after", async () => {
    const background = new Background();
    const runs: string[] = [];
    const start = (name: string) => background.start(name, async () => void runs.push(name));
    for (const name of ["a", "a", "b"]) start(name);
    await Promise.resolve();
    await new Promise(setImmediate);
    start("a");
    expect(runs).toEqual(["a", "b", "a"]);
  });

  test("is waited for at the end, for so long; nothing begins after", async () => {
    const background = new Background();
    let isDone = false;
    background.start("a", async () => {
      await new Promise((resolve) => setTimeout(resolve, 30));
      isDone = true;
    });
    await background.close(10_000);
    expect(isDone).toBe(true);
    background.start("b", async () => expect.fail("began"));
    const hanging = new Background();
    hanging.start("a", () => new Promise(() => {}));
    await hanging.close(20);
  });
});

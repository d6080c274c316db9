import { describe, expect, test, vi } from "vitest";
import {
  type HeadStore,
  type LinkStore,
  type ReplaceStore,
  StoreFullError,
  StoreTimeoutError,
  StoreUnavailableError,
  type TieredBackend,
} from "../../../src/index.js";
import { entry, reference } from "../../helpers/entries.js";
import { RemoteBackend } from "../../helpers/remote-backend.js";
import { tiersOver } from "../../helpers/tiers.js";

const [A, B, C] = [reference(1), reference(2), reference(3)] as const;
const one = entry({ value: "one", expiresIn: 60_000 });
const two = entry({ value: "two", expiresIn: 60_000 });
const gone = new StoreUnavailableError("It cannot be reached.");
const options = { fallback: "memory", breaker: { failures: 2, probeInterval: 10 } } as const;

type Tiers = TieredBackend & HeadStore & LinkStore & ReplaceStore;

function servers(store = new RemoteBackend()) {
  return tiersOver(store, options);
}

function goAway(store: RemoteBackend, failure: Error = gone): void {
  store.failure = failure;
  store.lose();
}

async function comeBack(tiers: Tiers, store: RemoteBackend): Promise<void> {
  store.failure = undefined;
  store.regain();
  await vi.waitFor(async () =>
    expect(await tiers.health()).toMatchObject({ state: "up", breaker: "closed", waiting: 0 }),
  );
}

describe("while the store is away", () => {
  test("what was read is read on, and the health says so", async () => {
    const { tiers, store } = servers();
    await store.inner.setLinked(A, one, "name");
    await tiers.get(A);
    await tiers.getLink("name");
    goAway(store);
    expect([await tiers.get(A), await tiers.getLink("name"), await tiers.exists(A)]).toEqual([one, A, true]);
    expect((await tiers.head(A))?.namespace).toBe("public");
    expect(await tiers.health()).toMatchObject({ state: "fallback", isCoherent: false });
  });

  test("what was written by this server is read on, echo of its writing or not", async () => {
    const { tiers, store } = servers();
    await tiers.setLinked(A, one, "name");
    for (const [name, kind] of [
      [A, "entry"],
      ["name", "link"],
    ] as const)
      store.tell(name, kind);
    await tiers.set(B, two);
    goAway(store);
    expect([await tiers.get(A), await tiers.getLink("name"), await tiers.get(B)]).toEqual([one, A, two]);
  });

  test("what is known to have changed, been deleted or flushed is not", async () => {
    const { tiers, store } = servers();
    for (const refId of [A, B, C]) await tiers.set(refId, one);
    for (const refId of [A, B, C]) store.tell(refId); // the echo
    store.tell(A);
    await tiers.delete(B);
    goAway(store);
    for (const refId of [A, B]) await expect(tiers.get(refId)).rejects.toBe(gone);
    expect(await tiers.get(C)).toEqual(one);
    store.regain();
    await expect(tiers.get(C)).rejects.toThrow(StoreUnavailableError);
  });

  test("what is not known is an error, and a name that is not known leads nowhere", async () => {
    const { tiers, store } = servers();
    goAway(store);
    await expect(tiers.get(A)).rejects.toThrow(StoreUnavailableError);
    await expect(tiers.exists(A)).rejects.toThrow(StoreUnavailableError);
    expect(await tiers.getLink("name")).toBeUndefined();
  });

  test("what is stored is kept here, is told to be, and is written through on return", async () => {
    const { tiers, store } = servers();
    goAway(store);
    await tiers.setLinked(A, one, "name");
    await tiers.set(B, two);
    expect([await tiers.get(A), await tiers.getLink("name"), tiers.isLocal(A)]).toEqual([one, A, true]);
    expect((await tiers.health()).waiting).toBe(2);
    await comeBack(tiers, store);
    expect(tiers.isLocal(A)).toBe(false);
    expect([await store.inner.get(A), await store.inner.get(B)]).toEqual([one, two]);
    expect(await store.inner.getLink("name")).toBe(A);
  });

  test("so is what was written and not acknowledged in time", async () => {
    const { tiers, store } = servers();
    goAway(store, new StoreTimeoutError("It did not answer in time."));
    await tiers.set(A, one);
    await comeBack(tiers, store);
    expect(await store.inner.get(A)).toEqual(one);
  });

  test("what has expired by then is not written through", async () => {
    const { tiers, store } = servers();
    goAway(store);
    await tiers.set(A, entry({ expiresIn: 30 }));
    await new Promise((resolve) => setTimeout(resolve, 40));
    expect(tiers.isLocal(A)).toBe(false);
    await comeBack(tiers, store);
    expect(store.calls.filter((call) => call === "set")).toHaveLength(1);
  });

  test("a name is not written over that others have pointed elsewhere", async () => {
    const { tiers, store } = servers();
    await store.inner.setLinked(A, one, "known");
    await tiers.getLink("known");
    goAway(store);
    await tiers.setLinked(B, two, "known");
    await tiers.setLinked(C, two, "unknown");
    const stranger = reference(9);
    await store.inner.setLinked(stranger, one, "unknown");
    await comeBack(tiers, store);
    expect(await store.inner.getLink("known")).toBe(B); // as it led where this server knew that it did
    expect(await store.inner.getLink("unknown")).toBe(stranger);
    expect(await store.inner.get(C)).toEqual(two);
  });

  test("a name leads to the last of several entries", async () => {
    const { tiers, store } = servers();
    goAway(store);
    for (const refId of [A, B]) await tiers.setLinked(refId, one, "name");
    expect(await tiers.getLink("name")).toBe(B);
    await comeBack(tiers, store);
    expect(await store.inner.getLink("name")).toBe(B);
    expect(await store.inner.exists(A)).toBe(true);
  });

  test("deleting what is only here works, and what may be in the store is told to it later", async () => {
    const { tiers, store } = servers();
    goAway(store, new StoreTimeoutError("It did not answer in time."));
    await tiers.set(A, one);
    await store.inner.set(A, one); // its writing had succeeded
    expect(await tiers.delete(A)).toBe(true);
    await expect(tiers.get(A)).rejects.toThrow();
    await comeBack(tiers, store);
    expect(await store.inner.get(A)).toBeUndefined();
  });

  test("deleting what is in the store fails, and this server no longer hands it out", async () => {
    const { tiers, store } = servers();
    await tiers.set(A, one);
    goAway(store);
    await expect(tiers.delete(A)).rejects.toThrow(StoreUnavailableError);
    await expect(tiers.get(A)).rejects.toThrow(StoreUnavailableError);
    await expect(tiers.clear()).rejects.toThrow(StoreUnavailableError);
  });

  test("nothing that was accepted is lost for lack of room: what does not fit is refused", async () => {
    const store = new RemoteBackend();
    const { tiers } = tiersOver(store, { ...options, l1: { maxEntries: 2 } });
    goAway(store);
    for (const refId of [A, B]) await tiers.set(refId, one);
    await expect(tiers.set(C, one)).rejects.toThrow(StoreFullError);
    await comeBack(tiers, store);
    expect([await store.inner.get(A), await store.inner.get(B)]).toEqual([one, one]);
  });

  test("replacing fails, as nobody knows what is there", async () => {
    const { tiers, store } = servers();
    goAway(store);
    await expect(tiers.replace(A, one)).rejects.toThrow(StoreUnavailableError);
  });
});

test("a store that refuses is no store that is away", async () => {
  const { tiers, store } = servers();
  await store.inner.set(A, one);
  await tiers.get(A);
  store.failure = new StoreFullError("full");
  store.lose();
  await expect(tiers.set(B, one)).rejects.toThrow(StoreFullError);
  await expect(tiers.get(A)).rejects.toThrow(StoreFullError);
});

test("what the store refuses on return goes on waiting, and everything else does not wait for it", async () => {
  const { tiers, store } = servers();
  goAway(store);
  await tiers.set(A, one);
  store.failure = undefined;
  const refuse = vi.spyOn(store, "set").mockRejectedValueOnce(new StoreFullError("full"));
  await vi.waitFor(() => expect(refuse).toHaveBeenCalledTimes(2));
  await vi.waitFor(async () => expect((await tiers.health()).waiting).toBe(0));
});

test("without a fallback, calls fail at once and nothing is kept", async () => {
  const store = new RemoteBackend();
  const { tiers } = tiersOver(store);
  await tiers.setLinked(A, one, "name");
  goAway(store);
  await expect(tiers.get(A)).rejects.toBe(gone);
  await expect(tiers.getLink("name")).rejects.toBe(gone);
  await expect(tiers.set(B, one)).rejects.toBe(gone);
  expect(await tiers.health()).toMatchObject({ state: "away", waiting: 0, copies: { entries: 0, links: 0 } });
});

test("closing writes through what waits, if the store answers", async () => {
  const store = new RemoteBackend();
  const { tiers } = tiersOver(store, { fallback: "memory", breaker: { probeInterval: 60_000 } });
  const closing = vi.spyOn(store, "close").mockResolvedValue();
  goAway(store);
  await tiers.set(A, one);
  store.failure = undefined;
  await tiers.close();
  expect(closing).toHaveBeenCalled();
  expect(await store.inner.get(A)).toEqual(one);
  await expect(tiers.set(B, one)).rejects.toThrow(StoreUnavailableError);
});

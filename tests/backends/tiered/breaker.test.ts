import { describe, expect, onTestFinished, test, vi } from "vitest";
import {
  EntryUnreadableError,
  StoreError,
  StoreFullError,
  StoreTimeoutError,
  StoreUnavailableError,
  StoreUnusableError,
} from "../../../src/index.js";
import { all, entry, reference } from "../../helpers/entries.js";
import { RemoteBackend } from "../../helpers/remote-backend.js";
import { tiersOver } from "../../helpers/tiers.js";

const A = reference(1);
const breaker = { failures: 3, probeInterval: 20 };
const late = new StoreTimeoutError("It did not answer in time.");

async function failing(error: Error, calls: number, store = new RemoteBackend()) {
  const { tiers } = tiersOver(store, { breaker });
  store.failure = error;
  for (let n = 0; n < calls; n++) await expect(tiers.get(A)).rejects.toBe(error);
  return { tiers, store };
}

describe("a store that hangs", () => {
  test("is left alone after so many failures in a row, and calls fail at once", async () => {
    const { tiers, store } = await failing(late, 3);
    const release = store.hold(); // a probe hangs, too, and no call waits for it
    onTestFinished(release);
    await vi.waitFor(() => expect(store.calls.at(-1)).toBe("exists"));
    const asked = store.calls.length;
    for (const call of [
      tiers.get(A),
      tiers.head(A),
      tiers.getLink("name"),
      tiers.set(A, entry()),
      tiers.replace(A, entry()),
      tiers.delete(A),
      tiers.exists(A),
      tiers.clear(),
      all(tiers.keys()),
      all(tiers.heads()),
    ]) {
      await expect(call).rejects.toThrow(StoreUnavailableError);
    }
    expect(store.calls).toHaveLength(asked);
    expect(await tiers.health()).toMatchObject({ state: "away", breaker: "half_open" });
  });

  test("is asked again by itself, and used when it answers", async () => {
    const { tiers, store } = await failing(late, 3);
    await vi.waitFor(() => expect(store.calls.filter((call) => call === "exists").length).toBeGreaterThan(2));
    store.failure = undefined;
    await vi.waitFor(async () =>
      expect(await tiers.health()).toMatchObject({ state: "up", breaker: "closed" }),
    );
    await expect(tiers.get(A)).resolves.toBeUndefined();
  });

  test("says what is the matter", async () => {
    const { tiers } = await failing(late, 3);
    await expect(tiers.get(A)).rejects.toMatchObject({
      message: expect.stringContaining("did not answer in time"),
      code: "store_unavailable",
      cause: late,
    });
  });

  test("is asked as long as it answers in between", async () => {
    const store = new RemoteBackend();
    const { tiers } = await failing(late, 2, store);
    store.failure = undefined;
    await tiers.get(A);
    store.failure = late;
    for (let n = 0; n < 2; n++) await expect(tiers.get(A)).rejects.toBe(late);
    expect((await tiers.health()).breaker).toBe("closed");
  });
});

const refused = new StoreUnavailableError("No rights.", {
  cause: Object.assign(new Error(), { code: "NOPERM" }),
});

test.each([
  ["an entry too large", new StoreFullError("full")],
  ["an unreadable entry", new EntryUnreadableError(A, "broken")],
  ["a store of another layout", new StoreUnusableError("unusable")],
  ["missing rights", refused],
  ["a fault of ours", new TypeError("fault")],
])("is not left alone for %s", async (_, error) => {
  const { tiers } = await failing(error, 10);
  expect(await tiers.health()).toMatchObject({ state: "up", breaker: "closed" });
});

test("changes of health are told, until one no longer listens", async () => {
  const store = new RemoteBackend();
  const { tiers } = tiersOver(store, { breaker });
  const told: string[] = [];
  const stop = tiers.onHealth(({ state, breaker }) => told.push(`${state} ${breaker}`));
  store.failure = late;
  for (let n = 0; n < 3; n++) await expect(tiers.get(A)).rejects.toThrow(StoreError);
  await vi.waitFor(() => expect(told).toContain("away half_open"));
  store.failure = undefined;
  await vi.waitFor(() => expect(told.at(-1)).toBe("up closed"));
  expect(told.slice(0, 2)).toEqual(["away closed", "away open"]);
  stop();
  store.failure = late;
  await expect(tiers.get(A)).rejects.toThrow(StoreError);
  expect(told.at(-1)).toBe("up closed");
});

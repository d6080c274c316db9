import { expect, test, vi } from "vitest";
import { policies, RefCache, StoreUnavailableError, SYSTEM } from "../../../src/index.js";
import { RemoteBackend } from "../../helpers/remote-backend.js";
import { tiersOver } from "../../helpers/tiers.js";

const NOTE = "The store is away: for now, ref_id works on this server only.";
const actor = SYSTEM;

function server() {
  const store = new RemoteBackend();
  const { tiers } = tiersOver(store, { fallback: "memory", breaker: { probeInterval: 10 } });
  const cache = new RefCache({ name: "test", backend: tiers });
  const rows = cache.cached("rows", { maxSize: 20 })(async ({ count }: { count: number }) =>
    Array.from({ length: count }, (_, n) => n),
  );
  return { store, tiers, cache, rows };
}

test("answers say that a reference works on this server only, as long as that is so", async () => {
  const { store, tiers, cache, rows } = server();
  store.failure = new StoreUnavailableError("It cannot be reached.");
  const large = await rows({ count: 1000 });
  expect(large.message).toContain(NOTE);
  expect(large).not.toHaveProperty("is_stored");
  const refId = String(large.ref_id);
  expect((await cache.get(refId, { actor, page: 2 })).message).toContain(NOTE);
  expect(await cache.resolve(refId, { actor })).toHaveLength(1000);
  expect(await rows({ count: 2 })).toMatchObject({ is_complete: true, message: NOTE, value: [0, 1] });
  expect((await rows({ count: 1000 })).ref_id).toBe(refId);

  store.failure = undefined;
  await vi.waitFor(async () => expect((await tiers.health()).waiting).toBe(0));
  expect((await rows({ count: 1000 })).message).not.toContain(NOTE);
  expect(await rows({ count: 2 })).not.toHaveProperty("message");
});

test("so do answers about values that may not be seen", async () => {
  const { store, cache } = server();
  store.failure = new StoreUnavailableError("It cannot be reached.");
  const secret = cache.cached("secrets", { policy: policies.executeOnly })(async () => "secret");
  const { message } = await secret();
  expect(message).toBe(
    `You may not see this value. Pass ref_id to a tool that takes it as an argument. ${NOTE}`,
  );
});

test("a value is found by its key while the store is away, and after", async () => {
  const { store, tiers, cache } = server();
  store.failure = new StoreUnavailableError("It cannot be reached.");
  const { refId } = await cache.set("report", [1, 2], { actor });
  expect((await cache.lookup("report", { actor }))?.refId).toBe(refId);
  store.failure = undefined;
  await vi.waitFor(async () => expect((await tiers.health()).waiting).toBe(0));
  const elsewhere = new RefCache({ name: "other", backend: store });
  expect((await elsewhere.lookup("report", { actor }))?.refId).toBe(refId);
});

test("reading a value that is copied asks the store nothing, whoever reads it", async () => {
  const { store, cache, rows } = server();
  const { ref_id } = await rows({ count: 1000 });
  store.calls.length = 0;
  await rows({ count: 1000 });
  await cache.get(String(ref_id), { actor: { type: "user", id: "alice" }, page: 1 });
  await cache.resolve(String(ref_id), { actor: { type: "agent", id: "bob" } });
  expect(store.calls).toEqual([]);
});

import { expect, test, vi } from "vitest";
import { RefCache, TransientError } from "../../src/index.js";

test("a task says what it waits for between two attempts, and no longer", async () => {
  const cache = new RefCache({ name: "notes" });
  let goOn = () => {};
  const released = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  let attempts = 0;
  const slow = cache.cached("jobs", {
    asyncTimeout: 1,
    retries: { attempts: 1, baseDelay: 1, maxDelay: 200 },
  })(async () => {
    attempts++;
    if (attempts === 1) throw new TransientError("busy", { retryAfter: 200 });
    await released;
    return "done";
  });
  const { ref_id, message } = await slow({});
  const poll = () => cache.get(String(ref_id), { actor: { type: "agent" } });
  expect(message).toContain("Attempt 2 of 2");
  await vi.waitFor(() => expect(attempts).toBe(2), { timeout: 10_000 });
  const running = await poll();
  expect(running).toMatchObject({ status: "processing" });
  expect(running.message).not.toContain("Attempt");
  goOn();
  await vi.waitFor(async () => expect(await poll()).toMatchObject({ value: "done" }), { timeout: 10_000 });
  await cache.close();
});

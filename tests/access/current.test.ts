import { expect, test, vi } from "vitest";
import { SYSTEM } from "../../src/access/actor.js";
import { currentActor, runAs } from "../../src/access/current.js";

test("the actor holds for everything a call awaits, and for nothing beside it", async () => {
  const alice = { type: "agent", id: "alice" } as const;
  const inside = runAs(alice, async () => {
    await new Promise((resolve) => setImmediate(resolve));
    return currentActor();
  });
  expect(currentActor()).toBe(SYSTEM);
  expect(await inside).toBe(alice);
});

test("two copies of the package in a process know the same actor", async () => {
  vi.resetModules();
  const copy = await import("../../src/access/current.js");
  expect(copy.runAs).not.toBe(runAs);
  const bob = { type: "user", id: "bob" } as const;
  expect(runAs(bob, () => copy.currentActor())).toBe(bob);
});

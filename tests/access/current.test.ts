import { expect, test, vi } from "vitest";
import { currentActor, runAs } from "../../src/access/current.js";

test("the actor holds for everything a call awaits, and for nothing beside it", async () => {
  const alice = { type: "agent", id: "alice" } as const;
  const inside = runAs(alice, async () => {
    await new Promise((resolve) => setImmediate(resolve));
    return currentActor();
  });
  expect(currentActor()).toBeUndefined();
  expect(await inside).toEqual(alice);
});

test.each([undefined, null, "system", {}, { type: "user", id: "" }])("nobody runs as %j", (actor) => {
  expect(() => runAs(actor as never, () => 1)).toThrow(/^actor: must be/);
});

test("two copies of the package in a process know the same actor", async () => {
  vi.resetModules();
  const copy = await import("../../src/access/current.js");
  expect(copy.runAs).not.toBe(runAs);
  const bob = { type: "user", id: "bob" } as const;
  expect(runAs(bob, () => copy.currentActor())).toEqual(bob);
});

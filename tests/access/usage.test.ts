import { describe, expect, test, vi } from "vitest";
import type { Actor } from "../../src/access/actor.js";
import { Permission } from "../../src/access/permission.js";
import { ownedBy, policies } from "../../src/access/policy.js";
import { Usage } from "../../src/access/usage.js";

const alice: Actor = { type: "user", id: "alice" };
const secret = { namespace: "public", policy: policies.executeOnly };
const notes = { namespace: "user:alice:notes", policy: policies.public };

describe("what a call used", () => {
  test("is nothing at first, and restricts nothing", () => {
    const usage = new Usage(alice);
    expect(usage.caller).toBe(alice);
    expect(usage.policies).toEqual([]);
    expect(usage.restrict(policies.public)).toBe(policies.public);
  });

  test("is each policy once, with what its namespace demands", () => {
    const usage = new Usage(alice);
    usage.add(secret);
    usage.add({ ...secret, policy: { ...secret.policy } });
    usage.add(notes);
    expect(usage.policies).toEqual([policies.executeOnly, { ...policies.public, within: ["user:alice"] }]);
    usage.add(notes);
    expect(usage.policies).toHaveLength(2);
  });

  test("stays small, however often the same is used", () => {
    const usage = new Usage(alice);
    const stringify = vi.spyOn(JSON, "stringify");
    for (let use = 0; use < 10_000; use++) usage.add(use % 2 === 0 ? secret : notes);
    expect(stringify.mock.calls.length).toBeGreaterThan(5000); // and not all of them at the end
    stringify.mockClear();
    expect(usage.policies).toHaveLength(2);
    expect(stringify.mock.calls.length).toBeLessThan(200);
    stringify.mockRestore();
  });

  test("restricts to what everything that was used allows", () => {
    const usage = new Usage(alice);
    usage.add(secret);
    usage.add(notes);
    expect(usage.restrict(ownedBy(alice))).toEqual({
      ...ownedBy(alice),
      ownerPermissions: Permission.FULL,
      ownerAgentPermissions: Permission.EXECUTE,
      within: ["user:alice"],
    });
  });
});

describe("a call in the course of another", () => {
  test("has used what the other used before, and not what it uses later", () => {
    const outer = new Usage(alice);
    outer.add(secret);
    const inner = new Usage({ type: "agent" }, outer);
    outer.add(notes);
    inner.add(notes);
    expect(inner.policies).toHaveLength(2);
    expect(new Usage(alice, inner).caller).toBe(alice);
    expect(outer.policies).toHaveLength(2);
  });

  test("takes over what another used, also of another copy of the package", async () => {
    vi.resetModules();
    const copy = await import("../../src/access/usage.js");
    const other = new copy.Usage(alice);
    other.add(secret);
    expect(copy.Usage).not.toBe(Usage);
    const usage = new Usage(alice, other as unknown as Usage);
    expect(usage.policies).toEqual([policies.executeOnly]);
    usage.include(other as unknown as Usage);
    expect(usage.policies).toEqual([policies.executeOnly]);
  });
});

test("a policy was used that equals one that was, whoever made it", () => {
  const usage = new Usage({ type: "agent" });
  usage.add({ namespace: "public", policy: policies.executeOnly });
  expect(usage.has({ ...policies.executeOnly })).toBe(true);
  expect(usage.has(policies.readOnly)).toBe(false);
});

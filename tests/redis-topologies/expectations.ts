import { expect } from "vitest";
import { type Acknowledged, type Traffic, untyped } from "./traffic.js";

/** What happened to a store while it was in use. */
export interface Incident {
  /** When the primary went. */
  readonly endedAt: number;
  /** When another was known to be the primary. */
  readonly knownAt: number;
  /** What was acknowledged and is gone. */
  readonly lost: readonly Acknowledged[];
}

/** A failover may lose what was acknowledged so long before it, as docs/production.md says, and no more. */
const LOSS_WINDOW_MS = 1000;
/** "About a second", on a machine that runs other tests too. */
const RECOVERY_MS = 2000;
/** The deadline of a call, the longest way round, and a machine that is busy: no call hangs. */
const CALL_MS = 4000;

/** What must hold whatever happens to a store. */
export function expectSound(traffic: Traffic, { endedAt, knownAt, lost }: Incident): void {
  expect(traffic.wrong).toEqual([]);
  expect(untyped(traffic.failures)).toEqual([]);
  expect(traffic.longest).toBeLessThan(CALL_MS);
  expect(traffic.recovery(knownAt)).toBeLessThan(RECOVERY_MS);
  for (const { at } of lost) {
    expect(at).toBeGreaterThan(endedAt - LOSS_WINDOW_MS);
    expect(at).toBeLessThan(knownAt + RECOVERY_MS);
  }
}

/** Prints what was measured, where `MCP_REFCACHE_TEST_FIGURES` asks for it. */
export function report(what: string, traffic: Traffic, { endedAt, knownAt, lost }: Incident): void {
  if (process.env.MCP_REFCACHE_TEST_FIGURES === undefined) return;
  const known = Math.round(knownAt - endedAt);
  const recovery = Math.round(traffic.recovery(knownAt));
  const { acknowledged, failures, reads, longest } = traffic;
  console.warn(
    `${what}: new primary after ${known} ms, last failed call began ${recovery} ms later, longest call ${Math.round(longest)} ms, ` +
      `${acknowledged.length} writes, ${reads} reads, ${failures.length} failures, ${lost.length} lost`,
  );
}

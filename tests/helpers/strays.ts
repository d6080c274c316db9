import { setImmediate as turn } from "node:timers/promises";
import { afterEach, beforeEach, expect } from "vitest";

const EVENTS = ["unhandledRejection", "uncaughtExceptionMonitor"] as const;

/** After each test of this file or block, checks that nothing was rejected or thrown past everybody. */
export function watchForStrays(): void {
  const strays: unknown[] = [];
  const note = (error: unknown) => void strays.push(error);
  beforeEach(() => {
    for (const event of EVENTS) process.on(event, note);
  });
  afterEach(async () => {
    await turn();
    await turn();
    for (const event of EVENTS) process.off(event, note);
    expect(strays.splice(0)).toEqual([]);
  });
}

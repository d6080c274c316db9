import { expect } from "vitest";
import type { HealthSource } from "../../src/index.js";

/** Waits until copies are used, or not. */
export async function coherent(backend: HealthSource, isCoherent = true): Promise<void> {
  await expect
    .poll(async () => (await backend.health()).isCoherent, { timeout: 15_000, interval: 5 })
    .toBe(isCoherent);
}

import { expect } from "vitest";
import { callTool } from "../../examples/embedded/call.js";
import { type Clients, type Step, walk } from "../../examples/embedded/walk.js";

/** Walks the whole walk and checks every figure of it. Returns the steps by tool. */
export async function checkWalk(clients: Clients): Promise<Map<string, Step>> {
  const steps = new Map<string, Step>();
  for await (const step of walk(clients)) steps.set(step.tool, step);
  checkPrimes(steps.get("generate_primes"));
  checkStatistics(steps.get("analyze_data"));
  checkNormalized(steps.get("transform_data"));
  checkZipped(steps.get("aggregate_data"));
  checkListing(steps);
  checkPage(steps);
  return steps;
}

function checkPrimes(step: Step | undefined): void {
  expect(step?.answer).toMatchObject({ is_complete: false, total_items: 1000 });
  expect(step?.answer.ref_id).toMatch(/^calculator:[a-f0-9]{32}$/);
  const preview = step?.answer.preview as number[];
  expect([preview[0], preview.at(-1)]).toEqual([2, 7919]);
  expect(step?.seen).toBeLessThan(600);
}

function checkStatistics(step: Step | undefined): void {
  expect(step?.answer.is_complete).toBe(true);
  expect(step?.answer.value).toEqual({
    count: 1000,
    sum: 3682913,
    mean: 3682.913,
    std: expect.closeTo(2344.0916712437247, 9),
    min: 2,
    q1: 1590,
    median: 3576,
    q3: 5697,
    max: 7919,
  });
}

function checkNormalized(step: Step | undefined): void {
  expect(step?.answer).toMatchObject({ is_complete: false, total_items: 1000 });
  expect(step?.answer.ref_id).toMatch(/^analyst:[a-f0-9]{32}$/);
  const preview = step?.answer.preview as number[];
  expect([preview[0], preview.at(-1)]).toEqual([0, 1]);
}

function checkZipped(step: Step | undefined): void {
  const preview = step?.answer.preview as number[][];
  expect([preview[0], preview.at(-1)]).toEqual([
    [2, 0],
    [7919, 1],
  ]);
}

function checkListing(steps: ReadonlyMap<string, Step>): void {
  const made = [...steps.values()].slice(0, 5).map(({ answer }) => answer.ref_id);
  const entries = steps.get("list_shared_cache")?.content.entries as { ref_id: string }[];
  expect(entries.map(({ ref_id }) => ref_id)).toEqual(expect.arrayContaining(made));
}

function checkPage(steps: ReadonlyMap<string, Step>): void {
  const { answer } = steps.get("get_cached_result") ?? {};
  expect(answer).toMatchObject({ page: 3, total_pages: 50, total_items: 1000 });
  expect(answer?.preview).toHaveLength(20);
}

/** Reads a list page by page, as a model would, until there is no page left. */
export async function readAllPages(
  client: Clients["analyst"],
  refId: string | undefined,
  pageSize: number,
): Promise<unknown[]> {
  const items: unknown[] = [];
  for (let page = 1, last = 1; page <= last; page++) {
    const { answer } = await callTool(client, "get_cached_result", {
      ref_id: refId,
      page,
      page_size: pageSize,
    });
    items.push(...(answer.preview as unknown[]));
    last = answer.total_pages ?? 1;
  }
  return items;
}

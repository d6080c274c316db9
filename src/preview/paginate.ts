import { InvalidPageError } from "../errors.js";
import { draftFor } from "./draft.js";
import { isExact, type SizeMeasure, weigherFor } from "./measure.js";
import { type PagePlan, planPages } from "./page-plan.js";
import type { Draft, PreviewRequest, Shown } from "./types.js";

/** Parts of a value differ in how far a plugged measure is from the weigher. */
const MARGIN = 1.15;

/** A page of a value, and the pages there are. */
export interface Page extends Draft {
  readonly page: number;
  readonly totalPages: number;
  readonly pageSize?: number;
}

/**
 * One page of a value; page 1 unless another is asked for. The pages of a value, joined, are the value.
 * @throws {InvalidPageError} when there is no such page, or the page size is not acceptable.
 */
export function pageOf(value: unknown, request: PreviewRequest): Page {
  const { maxPageSize, measure, maxSize } = request;
  checkPageSize(request.pageSize, maxPageSize);
  const plan = planPages(value, weigherFor(measure), {
    weight: pageWeight(value, maxSize, measure),
    parts: request.pageSize ?? maxPageSize,
    characters: request.pageSize,
  });
  checkPage(request.page, plan.starts.length);
  const pageSize = mostOnPage(plan.unit, request);
  return { ...takePage(plan, request.page ?? 1), ...(pageSize === undefined ? {} : { pageSize }) };
}

/**
 * The weight of a full page. A plugged measure may count more than the weigher: by how much is told from a
 * sample of the value, with a margin, so that its pages hold the limit too.
 */
export function pageWeight(value: unknown, maxSize: number, measure: SizeMeasure): number {
  const weigher = weigherFor(measure);
  const weight = maxSize * weigher.perUnit;
  if (isExact(measure)) return weight;
  const text = JSON.stringify(draftFor(value, "sample", weigher)(weight).preview);
  const excess = measure.count(text) / weigher.units(weigher.text(text));
  return Number.isFinite(excess) && excess > 1 ? weight / (excess * MARGIN) : weight;
}

function takePage(plan: PagePlan, page: number): Page {
  const from = plan.starts[page - 1] ?? 0;
  const to = plan.starts[page] ?? plan.total;
  return {
    preview: plan.slice(from, to),
    shown: { unit: plan.unit, from, to, count: to - from, total: plan.total },
    shortened: false,
    page,
    totalPages: plan.starts.length,
  };
}

/** The JSON text of a value is not asked for by its characters, so there a page size means nothing. */
export function mostOnPage(unit: Shown["unit"], request: PreviewRequest): number | undefined {
  if (unit === "json") return undefined;
  return unit === "characters" ? request.pageSize : (request.pageSize ?? request.maxPageSize);
}

/** @throws {InvalidPageError} unless there is such a page. */
export function checkPage(page: number | undefined, total: number): void {
  if (isWhole(page, total)) return;
  throw new InvalidPageError(
    total === 1
      ? "There is 1 page; page must be 1."
      : `There are ${total} pages; page must be a whole number from 1 to ${total}.`,
  );
}

/** @throws {InvalidPageError} unless it is a whole number from 1 on that is allowed. */
export function checkPageSize(pageSize: number | undefined, most: number): void {
  if (isWhole(pageSize, most)) return;
  throw new InvalidPageError(`page_size must be a whole number from 1 to ${most}.`);
}

function isWhole(number: number | undefined, most: number): boolean {
  return number === undefined || (Number.isInteger(number) && number >= 1 && number <= most);
}

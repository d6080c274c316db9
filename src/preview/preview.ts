import { draftFor } from "./draft.js";
import { holdLimit, type Sized, sized } from "./hold-limit.js";
import { weigherFor } from "./measure.js";
import { type Page, pageOf } from "./paginate.js";
import { isRemote, RemoteContainer, RemoteText } from "./remote.js";
import { isContainer, isPresent } from "./strict-json.js";
import type { Draft, Preview, PreviewRequest, PreviewStrategy } from "./types.js";

export type { Preview, PreviewRequest, PreviewStrategy, Shown } from "./types.js";

/**
 * Makes a preview of a value that is never larger than `maxSize`, whatever the value and the measure. Only for
 * a measure that counts even `[]` or `""` above the limit, the preview is `null`.
 *
 * The value may be the one a tool returned or the one read back from the store: both give the same preview.
 * Sampling and truncating take time in proportion to the preview (and the number of items or members), a
 * page in proportion to the value.
 *
 * Pages joined are the value, with one exception: where a plugged measure counts more for a page than was
 * planned for, that page is shortened inside and says so.
 * @throws {InvalidPageError} when the page or page size asked for does not exist.
 */
export function makePreview(value: unknown, request: PreviewRequest): Preview {
  if (isPaged(request)) return previewOfPage(pageOf(value, request), request, countItems(value));
  return previewPart(value, request.strategy, request);
}

/** Tells whether what is wanted is a page. */
export function isPaged({ page, pageSize, strategy }: PreviewRequest): boolean {
  return page !== undefined || pageSize !== undefined || strategy === "paginate";
}

function previewPart(value: unknown, strategy: PreviewStrategy, request: PreviewRequest): Preview {
  const way = strategy === "truncate" ? strategy : "sample";
  return finish(way, draftWithin(value, way, request), countItems(value));
}

/** The preview that a page makes; shortened inside where it turns out larger than the limit. */
export function previewOfPage(page: Page, request: PreviewRequest, totalItems: number | null): Preview {
  const exact = sized(page, request.measure);
  const held = exact.size <= request.maxSize ? exact : shortenPage(page, request);
  const { page: number, totalPages, pageSize } = page;
  const paging = { page: number, totalPages, ...(pageSize === undefined ? {} : { pageSize }) };
  return { ...finish("paginate", held, totalItems), ...paging };
}

/** The beginning of a page that turned out too large, described as the part of the value it is. */
function shortenPage(page: Page, request: PreviewRequest): Sized {
  const { draft, size } = draftWithin(page.preview, "truncate", request);
  const { unit, from = 0, total } = page.shown;
  const { count } = draft.shown;
  return {
    draft: { ...draft, shown: { unit, from, to: from + count, count, total }, shortened: true },
    size,
  };
}

function draftWithin(value: unknown, strategy: "sample" | "truncate", request: PreviewRequest): Sized {
  const weigher = weigherFor(request.measure);
  const make = draftFor(value, strategy, weigher);
  return holdLimit(make, { ...request, weigher }) ?? emptyDraft(make(0), value, request);
}

/** What is left to show where nothing of the value holds the limit. */
function emptyDraft({ shown }: Draft, value: unknown, { maxSize, measure }: PreviewRequest): Sized {
  const nothing = { shown: { unit: shown.unit, count: 0, total: shown.total }, shortened: true };
  const empty = sized({ ...nothing, preview: emptyOf(value) }, measure);
  return empty.size <= maxSize ? empty : sized({ ...nothing, preview: null }, measure);
}

function emptyOf(value: unknown): unknown {
  if (value instanceof RemoteText) return "";
  if (Array.isArray(value) || (value instanceof RemoteContainer && value.kind === "items")) return [];
  return isContainer(value) ? {} : "";
}

function finish(strategy: PreviewStrategy, { draft, size }: Sized, totalItems: number | null): Preview {
  const { preview, shown, shortened } = draft;
  return { preview, strategy, size, totalItems, shown, shortened };
}

/** Items of a list, members of an object, `null` for anything else. */
function countItems(value: unknown): number | null {
  if (isRemote(value)) return value instanceof RemoteText ? null : value.count;
  if (Array.isArray(value)) return value.length;
  return isContainer(value) ? Object.values(value).filter(isPresent).length : null;
}

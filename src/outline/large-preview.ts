import { weigherFor } from "../preview/measure.js";
import { checkPage, checkPageSize, mostOnPage, type Page, pageWeight } from "../preview/paginate.js";
import {
  isPaged,
  makePreview,
  type Preview,
  type PreviewRequest,
  previewOfPage,
} from "../preview/preview.js";
import { withParts } from "../preview/remote.js";
import type { LargeValue } from "./large-value.js";
import { gridOf } from "./page-grid.js";

/**
 * Makes a preview of a large value from the parts it shows. Samples and beginnings are those that `makePreview` gives of
 * the whole value; pages are those of a {@link gridOf}.
 * @throws {InvalidPageError} when there is no such page.
 */
export async function previewLarge(large: LargeValue, request: PreviewRequest): Promise<Preview> {
  if (!isPaged(request)) return withParts(() => makePreview(large.root, request));
  const page = await pageOfLarge(large, request);
  const { kind, count } = large.outline.root;
  return previewOfPage(page, request, kind === "characters" ? null : count);
}

async function pageOfLarge(large: LargeValue, request: PreviewRequest): Promise<Page> {
  const { measure, maxSize, maxPageSize, page = 1, pageSize } = request;
  checkPageSize(pageSize, maxPageSize);
  const isText = large.outline.root.kind === "characters";
  const grid = gridOf(large, weigherFor(measure), {
    weight: await withParts(() => pageWeight(large.root, maxSize, measure)),
    most: pageSize ?? (isText ? Number.POSITIVE_INFINITY : maxPageSize),
    isEven: pageSize !== undefined,
  });
  checkPage(page, grid.pages);
  const { preview, from, to } = await grid.page(page - 1);
  const most = mostOnPage(grid.unit, request);
  return {
    preview,
    shown: { unit: grid.unit, from, to, count: to - from, total: grid.total },
    shortened: false,
    page,
    totalPages: grid.pages,
    ...(most === undefined ? {} : { pageSize: most }),
  };
}

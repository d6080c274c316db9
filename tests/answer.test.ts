import { describe, expect, test, vi } from "vitest";
import {
  type Answer,
  type AnswerRequest,
  isAnswer,
  isBoundedAnswer,
  makeAnswer,
  originOf,
  previewAtOnce,
  type Result,
} from "../src/answer.js";
import { encodeValue } from "../src/entry/encode.js";
import type { Entry } from "../src/entry/entry.js";
import { characters } from "../src/preview/measure.js";
import { entry } from "./helpers/entries.js";

const LIMITS = { maxValueBytes: 10_000_000, maxDepth: 100 };
const ENDS = Date.parse("2030-01-02T03:04:05.678Z");
const numbers = Array.from({ length: 100 }, (_, n) => n);

function result(
  value: unknown,
  more: Partial<Result & { entry: Entry }> = {},
  policy = {},
): Result & { entry: Entry } {
  const { json, bytes, totalItems, strictJson } = encodeValue(value, LIMITS);
  const metadata = { totalItems, totalSize: bytes, strictJson };
  return {
    refId: "test:00000001",
    entry: { ...entry({ json, policy, metadata }), expiresAt: ENDS },
    ...more,
  };
}

const request = (more: Partial<AnswerRequest> = {}): AnswerRequest => ({
  mayRead: true,
  measure: characters,
  preview: "truncate",
  maxSize: 50,
  maxPageSize: 1000,
  repeat: {},
  ...more,
});

const answer = (
  value: unknown,
  more: Partial<AnswerRequest> = {},
  of: Partial<Result & { entry: Entry }> = {},
): Promise<Answer> => makeAnswer(result(value, of), request(more));

describe("a small value", () => {
  test("is the answer", async () => {
    expect(await answer([1, 2])).toEqual({
      ref_id: "test:00000001",
      is_async: false,
      expires_at: "2030-01-02T03:04:05.678Z",
      is_complete: true,
      total_items: 2,
      size: 5,
      value: [1, 2],
    });
  });

  test("is what measures no more than the limit, to the unit", async () => {
    const text = "x".repeat(48);
    expect(await answer(text)).toMatchObject({ is_complete: true, size: 50 });
    expect(await answer(text, { maxSize: 49 })).toMatchObject({ is_complete: false });
    expect(await answer(`${text}x`)).toMatchObject({ is_complete: false });
    expect(await answer(2n ** 64n, { maxSize: 22 })).toMatchObject({ is_complete: true, size: 22 });
    expect(await answer(2n ** 64n, { maxSize: 21 })).toMatchObject({ is_complete: false });
  });

  test("is told to be without a reference where there is none", async () => {
    expect(await answer([1], {}, { refId: null })).toEqual({
      ref_id: null,
      is_async: false,
      is_stored: false,
      expires_at: null,
      is_complete: true,
      total_items: 1,
      size: 3,
      message: "The store failed: there is no reference.",
      value: [1],
    });
  });

  test("that never ends says so", async () => {
    const { entry: stored } = result(1);
    const forever = { refId: "test:00000001", entry: { ...stored, expiresAt: null } };
    expect(await makeAnswer(forever, request())).toMatchObject({ expires_at: null });
  });

  test("is shown up to another size where all of it is asked for", async () => {
    expect(await answer(numbers, { maxFullSize: 1000 })).toMatchObject({ is_complete: true, value: numbers });
    expect(await answer(numbers, { maxFullSize: 100 })).toMatchObject({ is_complete: false });
  });

  test("is not measured whole where it is surely too large", async () => {
    const timesMeasured = async (value: string) => {
      const count = vi.fn((text: string) => text.length);
      await answer(value, { measure: { unit: "characters", count } });
      return count.mock.calls.filter(([text]) => text.length === value.length + 2).length;
    };
    expect(await timesMeasured("x".repeat(399))).toBe(1); // to tell its size
    expect(await timesMeasured("x".repeat(398))).toBe(2);
  });
});

describe("a large value", () => {
  test("is answered by a part of it, which says how to go on", async () => {
    expect(await answer(numbers, { maxSize: 20 })).toEqual({
      ref_id: "test:00000001",
      is_async: false,
      expires_at: "2030-01-02T03:04:05.678Z",
      is_complete: false,
      message:
        "Showing the first 9 of 100 items. Read on: get_cached_result(ref_id, page=1). Pass ref_id in place of the data to use all of it in another tool.",
      preview_strategy: "truncate",
      total_items: 100,
      original_size: 291,
      preview_size: 19,
      preview: [0, 1, 2, 3, 4, 5, 6, 7, 8],
    });
  });

  test.each<[unknown, Partial<AnswerRequest>, string]>([
    [numbers, { preview: "sample", maxSize: 20 }, "Showing 6 of 100 items, evenly spaced. "],
    [
      ["x".repeat(99), "y"],
      { preview: "sample", maxSize: 20 },
      "Showing 1 of 2 items. Long parts are shortened. ",
    ],
    ["x".repeat(99), { preview: "sample" }, "Showing the first 48 of 99 characters. "],
    [{ a: "x".repeat(99) }, {}, "Showing the first 1 of 1 members. Long parts are shortened. "],
    [numbers, { maxFullSize: 60 }, "In full it is about 291 characters; at most 60 are shown. "],
  ])("says what is shown of it: %#", async (value, more, message) => {
    expect((await answer(value, more)).message).toContain(message);
  });

  test("without a reference is all there is", async () => {
    const { message } = await answer(numbers, {}, { refId: null });
    expect(message).toContain(
      " items. The store failed: there is no reference, and no more than this. Call again later if you need one.",
    );
    expect(message).not.toContain("get_cached_result");
  });

  test("has nothing of a page unless it is one", async () => {
    expect(await answer(numbers)).not.toHaveProperty("page");
    expect(await answer(numbers)).not.toHaveProperty("total_pages");
    expect(await answer(numbers, { preview: "paginate" })).toMatchObject({
      page: 1,
      total_pages: expect.any(Number),
    });
  });
});

describe("a page", () => {
  const READ_ON = "Read on: get_cached_result(ref_id";
  const USE = "Pass ref_id in place of the data to use all of it in another tool.";

  test("is one also of what is small", async () => {
    expect(await answer([1, 2], { page: 1 })).toMatchObject({ is_complete: false, page: 1, total_pages: 1 });
    expect(await answer([1, 2, 3], { pageSize: 2 })).toMatchObject({
      page: 1,
      total_pages: 2,
      preview: [1, 2],
    });
  });

  test("says which it is, what it holds, and how to get the next one alike", async () => {
    const more = { page: 2, pageSize: 3, maxSize: 400, repeat: { page_size: 3, max_size: undefined } };
    expect((await answer(numbers, more)).message).toBe(
      `Page 2 of 34: 4-6 of 100 items. ${READ_ON}, page=3, page_size=3). ${USE}`,
    );
    const both = { ...more, repeat: { page_size: 3, max_size: 400 } };
    expect((await answer(numbers, both)).message).toContain(
      `${READ_ON}, page=3, page_size=3, max_size=400). ${USE}`,
    );
  });

  test("that is the last one has no next", async () => {
    const more = { page: 34, pageSize: 3, maxSize: 400 };
    expect((await answer(numbers, more)).message).toBe(`Page 34 of 34: 100-100 of 100 items. ${USE}`);
    expect((await answer(numbers, { ...more, page: 33 })).message).toContain(`${READ_ON}, page=34). ${USE}`);
  });

  test("of nothing holds nothing", async () => {
    expect((await answer([], { page: 1 })).message).toBe(`Page 1 of 1: 0 of 0 items. ${USE}`);
  });

  test("of one long text is joined from all", async () => {
    expect((await answer([["x".repeat(200)]], { page: 1 })).message).toMatch(
      /^Page 1 of \d+: 1-\d+ of 206 characters of its JSON text \(join all pages\)\. /,
    );
  });

  test("that is the first of a preview does not repeat what was not asked for", async () => {
    const { message } = await answer(numbers, { maxSize: 20, repeat: { max_size: 20 } });
    expect(message).toContain(`${READ_ON}, page=1). ${USE}`);
  });
});

describe("a preview made beforehand", () => {
  test("is made of what is surely too large only", () => {
    const { entry: stored } = result("x".repeat(399));
    expect(stored.json).toHaveLength(401);
    expect(previewAtOnce("x".repeat(399), stored, request())).toBeDefined();
    expect(previewAtOnce("x".repeat(398), result("x".repeat(398)).entry, request())).toBeUndefined();
  });

  test("is a copy, and each answer has one of its own", async () => {
    const value = Array.from({ length: 500 }, (_, n) => ({ n }));
    const of = result(value);
    const preview = previewAtOnce(value, of.entry, request());
    value[0] = { n: -1 };
    const first = async () =>
      ((await makeAnswer({ ...of, preview }, request())).preview as { n: number }[])[0];
    expect(await first()).toEqual({ n: 0 });
    Object.assign((await first()) ?? {}, { n: 99 });
    expect(await first()).toEqual({ n: 0 });
  });
});

describe("a value that is not to be seen", () => {
  const hidden = (of: Partial<Result> = {}, policy = {}) =>
    makeAnswer({ ...result([1, 2], {}, policy), ...of }, request({ mayRead: false, mayUse: true }));

  test("is not looked at", async () => {
    const unread = { ...result([1]).entry };
    Object.defineProperty(unread, "json", { get: () => expect.unreachable() });
    expect(await makeAnswer({ refId: null, entry: unread }, request({ mayRead: false }))).toHaveProperty(
      "message",
    );
    const more = { mayRead: false, page: 7, maxFullSize: 1000 };
    expect(await makeAnswer({ refId: null, entry: unread }, request(more))).toHaveProperty("message");
  });

  test("is answered with its reference and nothing of it", async () => {
    expect(await hidden()).toEqual({
      ref_id: "test:00000001",
      is_async: false,
      expires_at: "2030-01-02T03:04:05.678Z",
      is_complete: false,
      message: "You may not see this value. Pass ref_id to a tool that takes it as an argument.",
    });
    expect(await hidden({ refId: null })).toEqual({
      ref_id: null,
      is_stored: false,
      is_async: false,
      expires_at: null,
      is_complete: false,
      message:
        "You may not see this value. The store failed: there is no reference, and no more than this. Call again later if you need one.",
    });
  });

  test("tells its shape where its policy says so, whoever wrote it", async () => {
    expect(await hidden({}, { showShape: true })).toMatchObject({ value_type: "list", total_items: 2 });
    expect(await hidden({}, { showShape: false })).not.toHaveProperty("value_type");
    const spaced = {
      ...result([]).entry,
      json: '  \n{"a": 1}',
      policy: { ...result(1).entry.policy, showShape: true },
    };
    expect(await hidden({ entry: spaced })).toMatchObject({ value_type: "object" });
  });
});

describe("an answer", () => {
  test("is known by what it is, not by its look", async () => {
    const made = await answer([1]);
    expect(isAnswer(made)).toBe(true);
    expect([{ ...made }, JSON.parse(JSON.stringify(made)), null, undefined, "answer", 7].some(isAnswer)).toBe(
      false,
    );
  });

  test("that holds a part only is known by its look, as it may have been copied", async () => {
    expect(isBoundedAnswer(await answer(numbers))).toBe(true);
    expect(isBoundedAnswer({ ...(await answer(numbers)) })).toBe(true);
    expect(isBoundedAnswer(await answer(numbers, {}, { refId: null }))).toBe(true);
    expect(isBoundedAnswer(await answer(numbers, { mayRead: false }))).toBe(true);
    const look = { ref_id: "test:00000001", is_complete: false, message: "" };
    expect(isBoundedAnswer(look)).toBe(true);
    for (const other of [
      await answer([1]),
      { ...look, ref_id: 7 },
      { ...look, ref_id: undefined },
      { ...look, is_complete: true },
      { ...look, is_complete: undefined },
      { ...look, message: undefined },
      null,
      undefined,
      "text",
    ])
      expect(isBoundedAnswer(other)).toBe(false);
  });

  test("knows what it was made of, whatever was put into it since", async () => {
    const made = await answer([1]);
    Object.assign(made, { value: "changed", note: "more" });
    const origin = originOf(made);
    expect(origin && (await makeAnswer(origin.result, origin.request))).toEqual(await answer([1]));
    expect(originOf({ ...made })).toBeUndefined();
  });
});

import { expect, test } from "vitest";
import { REQUIRED } from "../../src/access/operation.js";

test("each operation takes the permission that its name says, any one of those listed", () => {
  expect(REQUIRED).toEqual({
    get: [1],
    answer: [1],
    resolve: [16],
    use: [16],
    lookup: [1, 16],
    exists: [1, 16],
    info: [1, 16],
    list: [1, 16],
    set: [2],
    update: [4],
    delete: [8],
    clear: [8],
    invalidate: [8],
  });
});

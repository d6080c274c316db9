import { describe, expect, test } from "vitest";
import { aggregate } from "../../examples/servers/maths/aggregate.js";
import { calculate } from "../../examples/servers/maths/expression.js";
import { primes } from "../../examples/servers/maths/primes.js";
import { randomSample } from "../../examples/servers/maths/samples.js";
import { fibonacci, type SequenceKind, sequence } from "../../examples/servers/maths/sequences.js";
import { describeNumbers } from "../../examples/servers/maths/statistics.js";
import { TRANSFORM_OPERATIONS, transform } from "../../examples/servers/maths/transform.js";
import { numberList, numericList } from "../../examples/servers/numbers.js";

describe("calculate", () => {
  test.each([
    ["1 + 2 * 3", 7],
    ["(1 + 2) * 3", 9],
    ["7 % 4 - 10 / 4", 0.5],
    ["2 ^ 3 ^ 2", 512],
    ["2 ** 10", 1024],
    ["-2 ^ 2", -4],
    ["(-2) ^ 2", 4],
    ["2 ^ -1", 0.5],
    ["2 * -3 ^ 2", -18],
    ["--2", 2],
    ["1 - 2 - 3", -4],
    [".5e1 + 1e-1", 5.1],
    ["sqrt(16) + max(1, 2, 3)", 7],
    ["ln(e) + cos(pi)", 0],
    ["2 * (3 + (4 - (5)))", 4],
  ])("%s = %d", (expression, result) => {
    expect(calculate(expression)).toBeCloseTo(result, 12);
  });

  test.each([
    ["2 +", "Expected expression after + at character 3"],
    ["", "there must be one expression"],
    ["()", "only numbers"],
    ["1 2", "there must be one expression"],
    ["(1, 2)", "only numbers"],
    ["foo + 1", "there is no constant foo; there are pi, e, tau"],
    ["foo(1)", "there is no function foo"],
    ["constructor", "there is no constant constructor"],
    ["toString()", "there is no function toString"],
    ["'a' + 1", "'a' is not a number"],
    ["1 & 2", "there is no operator &"],
    ["!1", "the operator ! is not understood"],
    ["[1]", "only numbers"],
    ["pi.x", "only numbers"],
    ["sqrt.call(1)", "only a function can be called"],
    ["1 / 0", "the result is Infinity"],
    ["0 / 0", "the result is NaN"],
    ["sqrt()", "the result is NaN"],
    ["1 ? 2 : 3", "only numbers"],
    ["(1", "Unclosed ("],
  ])("%s is refused", (expression, message) => {
    expect(() => calculate(expression)).toThrow(message);
  });
});

describe("sequences", () => {
  const terms = (kind: SequenceKind, count: number, more = {}) =>
    sequence({ kind, count, start: 1, step: 1, ratio: 2, ...more });

  test.each([
    ["fibonacci", [0n, 1n, 1n, 2n, 3n]],
    ["prime", [2, 3, 5, 7, 11]],
    ["arithmetic", [1, 2, 3, 4, 5]],
    ["geometric", [1n, 2n, 4n, 8n, 16n]],
    ["triangular", [1, 3, 6, 10, 15]],
    ["factorial", [1n, 1n, 2n, 6n, 24n]],
  ] as const)("%s", (kind, first) => {
    expect(terms(kind, 5)).toEqual(first);
    expect(terms(kind, 1)).toEqual(first.slice(0, 1));
  });

  test("take their start, step and ratio", () => {
    expect(terms("arithmetic", 3, { start: -1, step: 2.5 })).toEqual([-1, 1.5, 4]);
    expect(terms("geometric", 3, { start: 8, ratio: 0.5 })).toEqual([8, 4, 2]);
  });

  test("are exact where doubles are not", () => {
    expect(fibonacci(100).at(-1)).toBe(218922995834555169026n);
    expect(terms("factorial", 26).at(-1)).toBe(15511210043330985984000000n);
    expect(terms("geometric", 65).at(-1)).toBe(2n ** 64n);
  });

  test.each([1, 2, 5, 6, 7, 1000, 100_000])("%d primes", (count) => {
    const found = primes(count);
    expect(found).toHaveLength(count);
    const last = { 1: 2, 2: 3, 5: 11, 6: 13, 7: 17, 1000: 7919, 100000: 1_299_709 }[count];
    expect(found.at(-1)).toBe(last);
  });
});

describe("statistics", () => {
  test("of the first 50 and 1000 primes", () => {
    expect(describeNumbers(primes(50))).toMatchObject({
      sum: 5117,
      mean: 102.34,
      median: 99,
      q1: 41,
      q3: 163,
    });
    expect(describeNumbers(primes(50)).std).toBeCloseTo(69.92871297227758, 12);
    expect(describeNumbers(primes(1000))).toMatchObject({ sum: 3682913, median: 3576, q1: 1590, q3: 5697 });
  });

  test("of one number", () => {
    expect(describeNumbers([3])).toEqual({
      count: 1,
      sum: 3,
      mean: 3,
      std: null,
      min: 3,
      q1: 3,
      median: 3,
      q3: 3,
      max: 3,
    });
  });

  test("leave the data as it is", () => {
    const data = [3, 1, 2];
    describeNumbers(data);
    expect(data).toEqual([3, 1, 2]);
  });
});

describe("transformations", () => {
  test.each([
    ["normalize", [0, 0.25, 1]],
    ["standardize", [-0.8006407690254357, -0.32025630761017426, 1.12089707663561]],
    ["scale", [2, 4, 10]],
    ["log", [0, Math.LN2, Math.log(5)]],
    ["sqrt", [1, Math.SQRT2, Math.sqrt(5)]],
    ["abs", [1, 2, 5]],
    ["diff", [1, 3]],
    ["cumsum", [1, 3, 8]],
  ] as const)("%s", (operation, result) => {
    expect(transform([1, 2, 5], operation, 2)).toEqual(result.map((item) => expect.closeTo(item, 12)));
  });

  test("are all tried here", () => {
    expect(TRANSFORM_OPERATIONS).toHaveLength(8);
  });

  test("of equal numbers divide by nothing", () => {
    expect(transform([4, 4], "normalize", 1)).toEqual([0, 0]);
    expect(transform([4, 4], "standardize", 1)).toEqual([0, 0]);
    expect(transform([4], "standardize", 1)).toEqual([0]);
  });

  test("say which number they cannot take", () => {
    expect(() => transform([1, -1], "sqrt", 1)).toThrow("sqrt needs numbers 0 or more; data[1] is -1");
    expect(() => transform([0], "log", 1)).toThrow("log needs numbers above 0; data[0] is 0");
  });

  test("take long lists", () => {
    expect(transform(Array(300_000).fill(1), "normalize", 1)).toHaveLength(300_000);
  });
});

describe("aggregations", () => {
  test.each([
    ["concat", [1, 2, 3, 4]],
    ["sum", [4n, 6n]],
    ["mean", [2, 3]],
    [
      "zip",
      [
        [1, 3],
        [2, 4],
      ],
    ],
  ] as const)("%s", (operation, result) => {
    expect(
      aggregate(
        [
          [1, 2],
          [3, 4],
        ],
        operation,
      ),
    ).toEqual(result);
  });

  test("are exact where all are integers", () => {
    expect(aggregate([[2n ** 60n], [1]], "sum")).toEqual([2n ** 60n + 1n]);
    expect(aggregate([[0.5], [1n]], "sum")).toEqual([1.5]);
  });

  test("want lists of one length", () => {
    expect(() => aggregate([[1], [1, 2]], "sum")).toThrow(
      "datasets must be of one length; there are 1 and 2",
    );
    expect(aggregate([[1], [1, 2]], "concat")).toEqual([1, 1, 2]);
  });
});

describe("samples", () => {
  const request = { count: 1000, min: 5, max: 10, mean: 100, std: 2, rate: 4, seed: 0.5 };

  test.each([
    ["uniform", 7.5],
    ["normal", 100],
    ["exponential", 0.25],
  ] as const)("%s, the same for the same seed", (distribution, mean) => {
    const sample = randomSample({ ...request, distribution });
    expect(sample).toEqual(randomSample({ ...request, distribution }));
    expect(describeNumbers(sample).mean).toBeCloseTo(mean, 0);
  });

  test("differ without a seed", () => {
    const unseeded = { ...request, seed: undefined, distribution: "uniform" as const };
    expect(randomSample(unseeded)).not.toEqual(randomSample(unseeded));
  });
});

describe("lists of numbers", () => {
  test("take what a reference brings", () => {
    expect(numericList.parse([1, 2n ** 60n])).toEqual([1, 2n ** 60n]);
    expect(numberList.parse([1, 2n ** 60n])).toEqual([1, 2 ** 60]);
  });

  test.each([["1"], [null], [[1]], [Number.NaN], [true]])("refuse %j inside", (item) => {
    expect(() => numericList.parse([item])).toThrow(/expected a number/);
  });
});

import fc from "fast-check";
import type { SizeMeasure } from "../../src/preview/measure.js";
import type { PreviewRequest } from "../../src/preview/preview.js";

/** Any string of JSON: ordinary, with escapes, emoji, lone surrogates, long runs. */
export const anyText: fc.Arbitrary<string> = fc.oneof(
  fc.string({ maxLength: 40 }),
  fc.string({ unit: "binary", maxLength: 100 }),
  fc.string({
    unit: fc.constantFrom('"', "\\", "\n", "\u0001", "\ud83d", "\ude00", "😀", "é", "中", "…"),
    maxLength: 200,
  }),
  fc
    .tuple(fc.constantFrom("a", "=", " ", "中", "😀"), fc.nat(600))
    .map(([unit, count]) => unit.repeat(count)),
);

const key = fc.oneof(
  { weight: 20, arbitrary: fc.string({ maxLength: 8 }) },
  { weight: 1, arbitrary: fc.constantFrom("__proto__", "constructor", "toString", "…", "0") },
  { weight: 1, arbitrary: anyText },
);

const leaf = fc.oneof(
  fc.integer(),
  fc.double(),
  fc.boolean(),
  fc.constantFrom(
    null,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
    -0,
    2 ** 53,
    1e20,
    1e21,
  ),
  fc.bigInt(),
  anyText,
);

/** Any value as it is read back from the store, of any shape a preview may meet. */
export const anyValue: fc.Arbitrary<unknown> = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: "medium", withCrossShrink: true },
    leaf,
    fc.array(tie("value"), { maxLength: 8 }),
    fc.array(leaf, { maxLength: 50 }),
    fc
      .array(fc.tuple(key, tie("value")), { maxLength: 12 })
      .map((members) => Object.fromEntries(members) as unknown),
  ),
})).value;

/** A request of that strategy and measure with a random limit. */
export function anyRequest(
  strategy: PreviewRequest["strategy"],
  measure: SizeMeasure,
): fc.Arbitrary<PreviewRequest> {
  return fc.record({
    strategy: fc.constant(strategy),
    measure: fc.constant(measure),
    maxSize: fc.oneof(fc.integer({ min: 10, max: 60 }), fc.integer({ min: 10, max: 2000 })),
    maxPageSize: fc.integer({ min: 1, max: 50 }),
  });
}

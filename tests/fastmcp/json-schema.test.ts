import { Ajv } from "ajv";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { acceptReferences, type JsonSchema, orBoundedAnswer } from "../../src/fastmcp/json-schema.js";

const REFERENCE = { type: "string", pattern: ":[a-f0-9]{8,}$" };
const advertised = (shape: z.ZodRawShape) =>
  acceptReferences(z.toJSONSchema(z.object(shape), { target: "draft-7", io: "input" }) as JsonSchema, true)
    .properties as Record<string, JsonSchema>;

describe("a reference may stand", () => {
  test("for a list or an object, with what describes it outside", () => {
    const { data } = advertised({ data: z.array(z.number()).min(2).describe("Numbers.").default([1, 2]) });
    expect(data).toEqual({
      description: "Numbers.",
      default: [1, 2],
      anyOf: [{ type: "array", items: { type: "number" }, minItems: 2 }, REFERENCE],
    });
  });

  test("inside as well", () => {
    const { sets, options } = advertised({
      sets: z.array(z.array(z.number())),
      options: z.object({ rows: z.array(z.string()), deep: z.object({ n: z.number() }) }),
    });
    expect(sets).toMatchObject({ anyOf: [{ items: { anyOf: [{ type: "array" }, REFERENCE] } }, REFERENCE] });
    expect(options).toMatchObject({
      anyOf: [
        {
          properties: {
            rows: { anyOf: [{ type: "array" }, REFERENCE] },
            deep: { anyOf: [{ type: "object" }, REFERENCE] },
          },
        },
        REFERENCE,
      ],
    });
  });

  test("in a choice that is there already", () => {
    const { either } = advertised({ either: z.union([z.array(z.number()), z.number()]) });
    expect(either).toEqual({
      anyOf: [{ type: "array", items: { type: "number" } }, { type: "number" }, REFERENCE],
    });
  });

  test("in unions told apart by a member, records and tuples", () => {
    const { union, record, pair } = advertised({
      union: z.discriminatedUnion("kind", [
        z.object({ kind: z.literal("a"), list: z.array(z.number()) }),
        z.object({ kind: z.literal("b") }),
      ]),
      record: z.record(z.string(), z.array(z.number())),
      pair: z.tuple([z.array(z.number()), z.string()]),
    });
    const list = { anyOf: [{ type: "array" }, REFERENCE] };
    expect(union).toMatchObject({ anyOf: [{ oneOf: [{ properties: { list } }, {}] }, REFERENCE] });
    expect(record).toMatchObject({ anyOf: [{ additionalProperties: list }, REFERENCE] });
    expect(pair).toMatchObject({ anyOf: [{ items: [list, { type: "string" }] }, REFERENCE] });
  });

  test("for what is defined elsewhere", () => {
    const schema = {
      type: "object",
      properties: { tree: { $ref: "#/definitions/tree" } },
      definitions: { tree: { type: "object" } },
    };
    expect(acceptReferences(schema, true)).toEqual({
      ...schema,
      properties: { tree: { anyOf: [{ $ref: "#/definitions/tree" }, REFERENCE] } },
    });
  });

  test("and is not mentioned where any text passes, nor for plain numbers", () => {
    const shape = {
      text: z.string(),
      maybe: z.string().optional(),
      any: z.unknown(),
      count: z.number(),
      kind: z.enum(["a", "b"]),
      mixed: z.union([z.string(), z.array(z.string())]),
    };
    expect(advertised(shape)).toEqual(
      z.toJSONSchema(z.object(shape), { target: "draft-7", io: "input" }).properties,
    );
  });

  test("only for the members that take references", () => {
    const schema = { type: "object", properties: { a: { type: "array" }, b: { type: "array" } } };
    expect(acceptReferences(schema, ["b"]).properties).toEqual({
      a: { type: "array" },
      b: { anyOf: [{ type: "array" }, REFERENCE] },
    });
  });

  test("and a root that is no object stays as it is", () => {
    expect(acceptReferences({ anyOf: [{ type: "object" }] }, true)).toEqual({ anyOf: [{ type: "object" }] });
  });
});

test("an output schema with definitions and recursion still validates inside the choice", () => {
  const schema = {
    type: "object",
    properties: { node: { $ref: "#/definitions/node" }, again: { $ref: "#" } },
    required: ["node"],
    definitions: { node: { type: "object", properties: { name: { type: "string" } }, required: ["name"] } },
  };
  const validate = new Ajv({ strict: false }).compile(orBoundedAnswer(schema));
  expect(validate({ node: { name: "a" }, again: { node: { name: "b" } } })).toBe(true);
  expect(validate({ node: { name: 1 } })).toBe(false);
  expect(validate({ node: { name: "a" }, again: { node: {} } })).toBe(false);
  expect(validate({ ref_id: "a:00000000", is_complete: false, message: "Showing 1 of 2 items." })).toBe(true);
  expect(validate({ ref_id: "a:00000000", is_complete: true, message: "" })).toBe(false);
});

import type { StandardSchemaV1 } from "@standard-schema/spec";
import { toJsonSchema } from "xsschema";
import { z } from "zod";
import { mayHaveReference, type ResolutionLimits } from "../resolution.js";
import { acceptReferences, type JsonSchema, orBoundedAnswer } from "./json-schema.js";

/** Thrown when arguments do not fit a tool's schema once their references are resolved. */
export class InvalidArguments extends Error {
  /** What the schema's own validation said. */
  readonly issues: readonly StandardSchemaV1.Issue[];

  constructor(issues: readonly StandardSchemaV1.Issue[]) {
    super("The arguments do not fit the schema.");
    this.issues = issues;
  }
}

/** A tool's parameter schema that lets references past. */
export interface ReferenceSchema {
  readonly schema: StandardSchemaV1;
  /** Tells whether arguments were let past unvalidated, since references were in them. */
  isPending(args: unknown): boolean;
  /**
   * The validation that was put off.
   * @throws {InvalidArguments} with the issues of the original schema.
   */
  validate(args: unknown): Promise<unknown>;
}

/**
 * Wraps a parameter schema of any vendor. Arguments without references are validated as ever; others pass as
 * they are, for the tool to resolve them as the caller and validate then. So defaults, transforms, refinements
 * and messages stay the schema's own.
 */
export function lettingReferencesPast(
  original: StandardSchemaV1,
  members: true | readonly string[],
  limits: ResolutionLimits,
): ReferenceSchema {
  const pending = new WeakSet<object>();
  const validate = (args: unknown) => {
    if (!mayHaveReference(chosen(args, members), limits)) return original["~standard"].validate(args);
    pending.add(args as object);
    return { value: args };
  };
  return {
    schema: standardSchema(validate, async () => acceptReferences(await jsonSchemaOf(original), members)),
    isPending: (args) => typeof args === "object" && args !== null && pending.has(args),
    validate: async (args) => {
      const result = await original["~standard"].validate(args);
      if (result.issues) throw new InvalidArguments(result.issues);
      return result.value;
    },
  };
}

/**
 * Wraps an output schema, so that a result may be what it says or, where that was too large, a reference.
 * @param isBounded tells the latter apart.
 */
export function orReference(
  original: StandardSchemaV1,
  isBounded: (output: unknown) => boolean,
): StandardSchemaV1 {
  return standardSchema(
    (output) => (isBounded(output) ? { value: output } : original["~standard"].validate(output)),
    async () => orBoundedAnswer(await jsonSchemaOf(original)),
  );
}

function chosen(args: unknown, members: true | readonly string[]): unknown {
  if (members === true || typeof args !== "object" || args === null) return args;
  return members.map((member) => (args as Record<string, unknown>)[member]);
}

/** The `jsonSchema` member is where FastMCP's conversion looks first; it awaits what it gets. */
function standardSchema(
  validate: StandardSchemaV1.Props["validate"],
  jsonSchema: () => Promise<JsonSchema>,
): StandardSchemaV1 {
  const props = {
    version: 1 as const,
    vendor: "mcp-refcache",
    validate,
    jsonSchema: { input: jsonSchema, output: jsonSchema },
  };
  return { "~standard": props };
}

/** The JSON Schema of a schema of any vendor. */
export async function jsonSchemaOf(schema: StandardSchemaV1): Promise<JsonSchema> {
  return (isZod4(schema) ? zodToJsonSchema(schema) : await toJsonSchema(schema)) as JsonSchema;
}

function isZod4(schema: StandardSchemaV1): schema is z.ZodType {
  return "_zod" in schema;
}

/** References bring integers beyond 2^53, so parameters may be `z.bigint()`, of which JSON Schema knows nothing. */
function zodToJsonSchema(schema: z.ZodType): object {
  return z.toJSONSchema(schema, {
    target: "draft-7",
    io: "input",
    unrepresentable: "any",
    override: ({ zodSchema, jsonSchema }) => {
      if (zodSchema._zod.def.type === "bigint") jsonSchema.type = "integer";
    },
  });
}

/** A JSON Schema, as far as it is looked into here. */
export type JsonSchema = Record<string, unknown>;

/** What stands beside a list or an object for which a reference may stand in. Short: it is paid at each of them. */
const REFERENCE: JsonSchema = { type: "string", pattern: ":[a-f0-9]{8,}$" };

/** What describes a property as a whole stays outside the `anyOf`, where clients look for it. */
const ANNOTATIONS = ["title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly"];

/**
 * Adds "or a reference" to the lists and objects in a tool's input schema, at any depth. Numbers and the like take
 * references as well; saying so at each would cost more tokens than it helps, small values being shown whole.
 *
 * @param members the properties that take references; all when `true`.
 */
export function acceptReferences(schema: JsonSchema, members: true | readonly string[]): JsonSchema {
  return {
    ...schema,
    ...mapProperties(schema, (property, name) =>
      members === true || members.includes(name) ? orReference(property) : property,
    ),
  };
}

function mapProperties(
  schema: JsonSchema,
  map: (property: JsonSchema, name: string) => JsonSchema,
): JsonSchema {
  const { properties } = schema;
  if (!isSchema(properties)) return {};
  const entries = Object.entries(properties).map(([name, property]) => [
    name,
    isSchema(property) ? map(property, name) : property,
  ]);
  return { properties: Object.fromEntries(entries) };
}

function orReference(schema: JsonSchema): JsonSchema {
  if (!takesContainer(schema) || takesAnyText(schema)) return schema;
  const kept = Object.entries(schema).filter(([key]) => ANNOTATIONS.includes(key));
  const rest = Object.entries(schema).filter(([key]) => !ANNOTATIONS.includes(key));
  const constraint = insideToo(Object.fromEntries(rest));
  const isOnlyChoice = Array.isArray(constraint.anyOf) && rest.length === 1;
  const choices = isOnlyChoice ? (constraint.anyOf as JsonSchema[]) : [constraint];
  return { ...Object.fromEntries(kept), anyOf: [...choices, REFERENCE] };
}

function insideToo(schema: JsonSchema): JsonSchema {
  const { items, prefixItems, additionalProperties, anyOf, oneOf, allOf } = schema;
  return {
    ...schema,
    ...mapProperties(schema, orReference),
    ...mapOne({ items, additionalProperties }, orReference),
    ...mapAll({ items, prefixItems }, orReference),
    ...mapAll({ anyOf, oneOf, allOf }, insideToo),
  };
}

function mapOne(keywords: JsonSchema, map: (schema: JsonSchema) => JsonSchema): JsonSchema {
  const schemas = Object.entries(keywords).filter((entry): entry is [string, JsonSchema] =>
    isSchema(entry[1]),
  );
  return Object.fromEntries(schemas.map(([keyword, schema]) => [keyword, map(schema)]));
}

function mapAll(keywords: JsonSchema, map: (schema: JsonSchema) => JsonSchema): JsonSchema {
  const lists = Object.entries(keywords).filter((entry): entry is [string, unknown[]] =>
    Array.isArray(entry[1]),
  );
  const mapped = lists.map(([keyword, list]) => [
    keyword,
    list.map((item) => (isSchema(item) ? map(item) : item)),
  ]);
  return Object.fromEntries(mapped);
}

function takesContainer({ type, anyOf, oneOf, allOf, $ref }: JsonSchema): boolean {
  const choices = [anyOf, oneOf, allOf].filter(Array.isArray).flat();
  if (choices.length > 0) return choices.some((choice) => isSchema(choice) && takesContainer(choice));
  return [type].flat().some((name) => name === "array" || name === "object") || $ref !== undefined;
}

/** Tells whether any text passes already, a reference among them. */
function takesAnyText(schema: JsonSchema): boolean {
  if (Array.isArray(schema.anyOf))
    return schema.anyOf.some((choice) => isSchema(choice) && takesAnyText(choice));
  const constraints = Object.keys(schema).filter((key) => !ANNOTATIONS.includes(key));
  if (constraints.length === 0) return true;
  const { type } = schema;
  const isText = type === "string" || (Array.isArray(type) && type.includes("string"));
  return isText && constraints.every((key) => key === "type" || key === "minLength");
}

/**
 * A tool's output schema for results that may have become references: an object that is either the original or
 * a reference with its message. The root stays `type: "object"`, without which clients cannot read the list.
 */
export function orBoundedAnswer(schema: JsonSchema): JsonSchema {
  const { $schema, ...original } = rebase(schema, "#/anyOf/0") as JsonSchema;
  const bounded = {
    type: "object",
    properties: {
      ref_id: { type: ["string", "null"] },
      is_complete: { const: false },
      message: { type: "string" },
    },
    required: ["ref_id", "is_complete"],
  };
  return { ...($schema === undefined ? {} : { $schema }), type: "object", anyOf: [original, bounded] };
}

/** Points `$ref`s from the old root to where it stands now. */
function rebase(node: unknown, root: string): unknown {
  if (Array.isArray(node)) return node.map((item) => rebase(item, root));
  if (!isSchema(node)) return node;
  const entries = Object.entries(node).map(([key, member]) => [
    key,
    key === "$ref" && typeof member === "string" && member.startsWith("#")
      ? root + member.slice(1)
      : rebase(member, root),
  ]);
  return Object.fromEntries(entries);
}

function isSchema(value: unknown): value is JsonSchema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

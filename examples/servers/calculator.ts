import { FastMCP } from "fastmcp";
import type { RefCache } from "mcp-refcache";
import { withRefCache } from "mcp-refcache/fastmcp";
import { z } from "zod";
import type { Access } from "./access.js";
import { listingParameters, listReferences } from "./listing.js";
import { stderrLogger } from "./logger.js";
import { calculate } from "./maths/expression.js";
import { primes } from "./maths/primes.js";
import { fibonacci, MOST_TERMS, type SequenceKind, sequence } from "./maths/sequences.js";

const kinds = Object.keys(MOST_TERMS) as SequenceKind[];

const count = (kind: SequenceKind) => z.object({ count: z.int().min(1).max(MOST_TERMS[kind]) });

const sequenceParameters = z
  .object({
    kind: z.enum(kinds),
    count: z.int().min(1),
    start: z.number().default(1).describe("arithmetic, geometric"),
    step: z.number().default(1).describe("arithmetic"),
    ratio: z.number().default(2).describe("geometric"),
  })
  .superRefine(({ kind, count }, context) => {
    const most = MOST_TERMS[kind];
    if (count <= most) return;
    context.addIssue({ code: "custom", path: ["count"], message: `Too big: at most ${most} for ${kind}` });
  });

/** A server that computes numbers. Its tools are plain functions behind `cache.cached`. */
export function createCalculator(
  cache: RefCache,
  { authenticate, actor }: Access,
): FastMCP<Record<string, unknown>> {
  const server = withRefCache(
    new FastMCP({ name: "Calculator", version: "1.0.0", logger: stderrLogger, authenticate }),
    cache,
    { actor },
  );

  server.addTool({
    name: "calculate",
    description:
      "Computes an expression: numbers, + - * / % ^, brackets, sqrt, ln, sin, max and the like, pi, e.",
    annotations: { readOnlyHint: true },
    parameters: z.object({ expression: z.string().min(1).max(1000) }),
    execute: cache.cached("calculations", { resolveRefs: false })(async ({ expression }) =>
      calculate(expression),
    ),
  });

  server.addTool({
    name: "generate_primes",
    description: "The first primes.",
    annotations: { readOnlyHint: true },
    parameters: count("prime"),
    execute: cache.cached("sequences")(async ({ count }) => primes(count)),
  });

  server.addTool({
    name: "generate_fibonacci",
    description: "The first Fibonacci numbers from 0, exact.",
    annotations: { readOnlyHint: true },
    parameters: count("fibonacci"),
    execute: cache.cached("sequences")(async ({ count }) => fibonacci(count)),
  });

  server.addTool({
    name: "generate_sequence",
    description: "The first terms of a sequence, integers exact.",
    annotations: { readOnlyHint: true },
    parameters: sequenceParameters,
    execute: cache.cached("sequences")(async (request) => sequence(request)),
  });

  server.addTool({
    name: "list_cached_keys",
    description: "References this server made, newest first.",
    annotations: { readOnlyHint: true },
    parameters: listingParameters,
    execute: (request) =>
      listReferences(cache, { ...request, include: ({ refId }) => refId.startsWith(`${cache.name}:`) }),
  });

  return server;
}

import { FastMCP } from "fastmcp";
import type { RefCache } from "mcp-refcache";
import { withRefCache } from "mcp-refcache/fastmcp";
import { z } from "zod";
import type { Access } from "./access.js";
import { listingParameters, listReferences } from "./listing.js";
import { stderrLogger } from "./logger.js";
import { AGGREGATE_OPERATIONS, aggregate } from "./maths/aggregate.js";
import { randomSample } from "./maths/samples.js";
import { describeNumbers } from "./maths/statistics.js";
import { TRANSFORM_OPERATIONS, transform } from "./maths/transform.js";
import { numberList, numericList } from "./numbers.js";

const analysis = z.object({ data: numberList });

const transformation = z.object({
  data: numberList,
  operation: z.enum(TRANSFORM_OPERATIONS),
  factor: z.number().default(1).describe("scale"),
});

const aggregation = z.object({
  datasets: z.array(numericList).min(1),
  operation: z.enum(AGGREGATE_OPERATIONS).describe("all but concat go item by item"),
});

const sample = z.object({
  distribution: z.enum(["uniform", "normal", "exponential"]),
  count: z.int().min(1).max(1_000_000),
  min: z.number().default(0),
  max: z.number().default(1),
  mean: z.number().default(0),
  std: z.number().positive().default(1),
  rate: z.number().positive().default(1),
  seed: z.number().optional().describe("same seed, same numbers"),
});

/** A server that works on numbers, its own and other servers'. Its tools are methods of a class. */
export function createAnalyst(
  cache: RefCache,
  { authenticate, actor }: Access,
): FastMCP<Record<string, unknown>> {
  class Tools {
    @cache.cached("statistics")
    async analyze({ data }: z.output<typeof analysis>) {
      return describeNumbers(data);
    }

    @cache.cached("data")
    async transform({ data, operation, factor }: z.output<typeof transformation>) {
      return transform(data, operation, factor);
    }

    @cache.cached("data")
    async aggregate({ datasets, operation }: z.output<typeof aggregation>) {
      return aggregate(datasets, operation);
    }
  }

  const server = withRefCache(
    new FastMCP({ name: "Analyst", version: "1.0.0", logger: stderrLogger, authenticate }),
    cache,
    { actor },
  );
  const tools = new Tools();

  server.addTool({
    name: "analyze_data",
    description: "Count, sum, mean, sample std, min, quartiles and max of numbers.",
    annotations: { readOnlyHint: true },
    parameters: analysis,
    execute: tools.analyze,
  });

  server.addTool({
    name: "transform_data",
    description: "Transforms numbers one by one.",
    annotations: { readOnlyHint: true },
    parameters: transformation,
    execute: tools.transform,
  });

  server.addTool({
    name: "aggregate_data",
    description: "Makes one list of several.",
    annotations: { readOnlyHint: true },
    parameters: aggregation,
    execute: tools.aggregate,
  });

  server.addTool({
    name: "create_sample_data",
    description: "Random numbers.",
    annotations: { readOnlyHint: true },
    parameters: sample,
    // Without a seed every call is to give other numbers, so no two calls are the same.
    execute: cache.cached("data", { key: sampleKey })(async (request) => randomSample(request)),
  });

  server.addTool({
    name: "list_shared_cache",
    description: "References of all servers on this store, newest first.",
    annotations: { readOnlyHint: true },
    parameters: listingParameters,
    execute: (request) => listReferences(cache, request),
  });

  return server;
}

function sampleKey(request: z.output<typeof sample>): string {
  return JSON.stringify(request.seed === undefined ? { unique: crypto.randomUUID() } : request);
}

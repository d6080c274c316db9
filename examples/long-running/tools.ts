import { FastMCP } from "fastmcp";
import type { RefCache } from "mcp-refcache";
import { withRefCache } from "mcp-refcache/fastmcp";
import { z } from "zod";
import { anybodyFrom } from "../servers/access.js";
import { LOCAL_HOSTS } from "../servers/allowed-hosts.js";
import { stderrLogger } from "../servers/logger.js";
import { analyse } from "./analyse.js";
import { Archive, type ArchiveOptions } from "./archive.js";

const analysis = z.object({
  documents: z
    .array(z.object({ name: z.string(), text: z.string().max(100_000) }))
    .min(1)
    .max(1000)
    .optional()
    .describe("default: the archive's own"),
  depth: z.enum(["quick", "standard", "deep"]).default("standard"),
});

const table = z.object({
  report: z.array(z.object({ name: z.string(), counts: z.record(z.string(), z.number()) })),
  most: z.int().min(1).max(1000).default(10),
});

/** Milliseconds that a caller waits before it gets a reference, and the wait between attempts, before the pace. */
const PATIENCE_MS = 3000;
const RETRY_MS = 1000;

/** An MCP server with a tool that takes its time. Servers and workers make the same one; a worker does not start it. */
export function createAnalyser(cache: RefCache, options: ArchiveOptions): FastMCP<Record<string, unknown>> {
  const archive = new Archive(options);
  const { authenticate, actor } = anybodyFrom(LOCAL_HOSTS);
  const server = withRefCache(
    new FastMCP({ name: "Analyser", version: "1.0.0", logger: stderrLogger, authenticate }),
    cache,
    { actor },
  );

  server.addTool({
    name: "analyse",
    description: "Word counts, readability, keywords and similar texts, document by document.",
    annotations: { readOnlyHint: true },
    parameters: analysis,
    execute: cache.cached("reports", {
      asyncTimeout: PATIENCE_MS * options.pace,
      retries: { attempts: 3, baseDelay: RETRY_MS * options.pace },
      idempotent: true, // it only reads, so another process may begin anew when this one dies
    })(async ({ documents, depth }, context) =>
      analyse(archive, documents ?? archive.open(), depth, context),
    ),
  });

  server.addTool({
    name: "word_table",
    description: "The most frequent words of a report by analyse.",
    annotations: { readOnlyHint: true },
    parameters: table,
    execute: cache.cached("tables")(async ({ report, most }) => wordTable(report, most)),
  });

  return server;
}

function wordTable(report: z.output<typeof table>["report"], most: number) {
  const rows = new Map<string, { word: string; count: number; documents: string[] }>();
  for (const { name, counts } of report) {
    for (const [word, count] of Object.entries(counts)) {
      const row = rows.get(word) ?? { word, count: 0, documents: [] };
      rows.set(word, { ...row, count: row.count + count, documents: [...row.documents, name] });
    }
  }
  return [...rows.values()].sort((a, b) => b.count - a.count || a.word.localeCompare(b.word)).slice(0, most);
}

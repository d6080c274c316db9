import { parseArgs } from "node:util";
import { z } from "zod";

const schema = z.object({
  transport: z.enum(["stdio", "http"]).default("stdio"),
  port: z.coerce.number().int().min(1).max(65_535).default(8000),
  backend: z.enum(["sqlite", "redis"]).default("sqlite"),
  /** Whether worker processes perform the analyses, and not the server itself. */
  workers: z.boolean().default(false),
  /** What every length of time is multiplied by. */
  pace: z.coerce.number().positive().default(1),
  /** Milliseconds after which the tasks of a process that has died may be taken over. */
  lease: z.coerce.number().int().min(500).default(10_000),
  /** Whether the archive refuses every second time that it is asked. */
  flaky: z.boolean().default(false),
});

/** How a server or a worker is to run. Where the store is, the environment says, as `mcp-refcache` reads it. */
export type Settings = z.output<typeof schema>;

const USAGE =
  "server.ts [--transport stdio|http] [--port 8000] [--backend sqlite|redis] [--workers], or worker.ts; and: [--pace 1] [--lease 10000] [--flaky]";

/** Reads the arguments, or says what is wrong with them and ends the process. */
export function settingsOrExit(): Settings {
  try {
    const text = { type: "string" } as const;
    const flag = { type: "boolean" } as const;
    const { values } = parseArgs({
      options: {
        ...{ transport: text, port: text, backend: text, workers: flag },
        ...{ pace: text, lease: text, flaky: flag },
      },
    });
    return schema.parse(values);
  } catch (error) {
    console.error(error instanceof z.ZodError ? z.prettifyError(error) : String(error));
    console.error(`Usage: ${USAGE}`);
    process.exit(2);
  }
}

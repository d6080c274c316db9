import { parseArgs } from "node:util";
import { z } from "zod";
import { LOCAL_HOSTS } from "./allowed-hosts.js";

const schema = z.object({
  server: z.enum(["calculator", "analyst"]),
  transport: z.enum(["stdio", "http"]).default("stdio"),
  host: z.string().default("127.0.0.1"),
  port: z.coerce.number().int().min(1).max(65_535).default(8000),
  backend: z.enum(["sqlite", "redis"]).default("sqlite"),
  /** Names under which HTTP clients may reach the server. */
  allowedHosts: z.array(z.string()).default(LOCAL_HOSTS),
});

/** How one of the servers is to run. Where the store is, the environment says, as `mcp-refcache` reads it. */
export type Settings = z.output<typeof schema>;

/** Shown when the arguments are not understood. */
export const USAGE =
  "main.ts calculator|analyst [--transport stdio|http] [--host 127.0.0.1] [--port 8000] [--backend sqlite|redis]";

/**
 * Reads `<server> --transport … --host … --port … --backend …`; host and port also from `HOST` and `PORT`, the
 * allowed hosts from `ALLOWED_HOSTS`, separated by commas.
 * @throws {Error} that says what is wrong, and the usage.
 */
export function readSettings(args: string[], env: NodeJS.ProcessEnv): Settings {
  try {
    return schema.parse({ ...fromEnvironment(env), ...fromArguments(args) });
  } catch (error) {
    const problem = error instanceof z.ZodError ? z.prettifyError(error) : String(error);
    throw new Error(`${problem}\nUsage: ${USAGE}`);
  }
}

function fromEnvironment({ HOST, PORT, ALLOWED_HOSTS }: NodeJS.ProcessEnv): Record<string, unknown> {
  return {
    ...(HOST ? { host: HOST } : {}),
    ...(PORT ? { port: PORT } : {}),
    ...(ALLOWED_HOSTS ? { allowedHosts: ALLOWED_HOSTS.toLowerCase().split(/[\s,]+/) } : {}),
  };
}

function fromArguments(args: string[]): Record<string, unknown> {
  const option = { type: "string" } as const;
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { transport: option, host: option, port: option, backend: option },
  });
  return { ...values, server: positionals[0] };
}

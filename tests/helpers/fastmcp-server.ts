import { FastMCP, type FastMCPSessionAuth, type Logger } from "fastmcp";

const silent = () => {};

/** FastMCP's own logger writes to stdout. */
export const quietLogger: Logger = { debug: silent, error: silent, info: silent, log: silent, warn: silent };

/** A server that tests may add to. */
export function makeServer<T extends FastMCPSessionAuth = FastMCPSessionAuth>(
  options: Partial<ConstructorParameters<typeof FastMCP<T>>[0]> = {},
): FastMCP<T> {
  return new FastMCP<T>({ name: "Test", version: "1.0.0", logger: quietLogger, ...options });
}

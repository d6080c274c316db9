const silent = (): void => {};

const report = (...parts: unknown[]): void => console.error(...parts);

/** For FastMCP, whose own logger writes to stdout, where the stdio transport has its messages. */
export const stderrLogger = { debug: silent, info: silent, log: silent, warn: report, error: report };

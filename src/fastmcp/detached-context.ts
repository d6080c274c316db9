/**
 * What a tool gets in place of FastMCP's context where no client is there: its task was taken over from a server that
 * died, or runs in a worker. What it sends goes nowhere, questions count as cancelled, and there is no session: who calls
 * is told by `currentActor()`.
 */
export function detachedContext(): object {
  return {
    client: { version: undefined },
    elicit: async () => ({ action: "cancel" as const }),
    log: { debug: ignore, error: ignore, info: ignore, warn: ignore },
    reportProgress: ignoreLater,
    session: undefined,
    streamContent: ignoreLater,
  };
}

function ignore(): void {}

async function ignoreLater(): Promise<void> {}

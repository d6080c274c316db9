import { withRefCache } from "../../src/fastmcp/index.js";
import { RefCache } from "../../src/index.js";
import { makeServer } from "./fastmcp-server.js";

/** A stdio server with a tool that takes three steps, and says on stderr when it is aborted. */
const cache = new RefCache({ name: "test" });
const server = withRefCache(makeServer(), cache);
const STEP_MS = 300;

server.addTool({
  name: "steps",
  execute: cache.cached("jobs", { asyncTimeout: 100 })(async (_, { progress, signal }) => {
    for (let current = 1; current <= 3; current++) {
      await new Promise((resolve) => setTimeout(resolve, STEP_MS));
      progress({ current, total: 3 });
    }
    return { isAborted: signal.aborted };
  }),
});
server.addTool({
  name: "endless",
  execute: cache.cached("jobs", { asyncTimeout: "1h" })(async (_, { progress, signal }) => {
    progress({ current: 1 });
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    process.stderr.write("aborted\n");
  }),
});
await server.start({ transportType: "stdio" });

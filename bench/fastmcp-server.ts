import { FastMCP } from "fastmcp";
import { z } from "zod";
import { freePort } from "../tests/helpers/redis-server.js";
import { RefCache, withRefCache } from "./built.js";

/** Should whoever started this forget to end it. */
const LONGEST_LIFE_MS = 300_000;

const silent = () => {};
const logger = { debug: silent, error: silent, info: silent, log: silent, warn: silent };
const parameters = z.object({ n: z.number() });

function weather(n: number) {
  return { n, city: "Wien", celsius: 21.5, humidity: 0.4, sky: "clear", wind: { speed: 3.2, from: "NW" } };
}

function makeServer(): FastMCP {
  return new FastMCP({ name: "Bench", version: "1.0.0", logger });
}

/** The plain tool, as it is written without us. */
function addBare(server: FastMCP): void {
  server.addTool({
    name: "bare",
    parameters,
    execute: async ({ n }) => ({ content: [{ type: "text", text: JSON.stringify(weather(n)) }] }),
  });
}

async function serve(server: FastMCP): Promise<number> {
  const port = await freePort();
  await server.start({
    transportType: "httpStream",
    httpStream: { port, host: "127.0.0.1", stateless: true },
  });
  return port;
}

function addCached(server: FastMCP, cache: RefCache): void {
  server.addTool({
    name: "cached",
    parameters,
    execute: cache.cached("weather")(async ({ n }: { n: number }) => weather(n)),
  });
}

const server = makeServer();
if (process.argv.includes("--refcache")) {
  const cache = new RefCache({ name: "bench" });
  addCached(withRefCache(server, cache), cache);
}
addBare(server);
console.log(await serve(server));
setTimeout(() => process.exit(1), LONGEST_LIFE_MS).unref();
process.stdin.on("end", () => process.exit(0)).resume();

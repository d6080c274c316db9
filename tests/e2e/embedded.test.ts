import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { connectServers } from "../../examples/embedded/connect.js";
import type { Clients } from "../../examples/embedded/walk.js";
import { NodeProcess } from "../helpers/processes.js";
import { behavesOver } from "./behaviour.js";
import { checkWalk } from "./checks.js";

describe("two stdio servers on one SQLite file", () => {
  const folder = mkdtempSync(join(tmpdir(), "refcache-e2e-"));
  let clients: Awaited<ReturnType<typeof connectServers>>;

  beforeAll(async () => {
    clients = await connectServers(join(folder, "cache.db"));
  });

  afterAll(async () => {
    await clients.close();
    rmSync(folder, { recursive: true, force: true });
  });

  test("walk the walk", async () => {
    const steps = await checkWalk(clients);
    const { entries, total } = steps.get("list_shared_cache")?.content ?? {};
    expect(total).toBe(5);
    expect(entries).toHaveLength(5);
  });

  behavesOver(() => clients);

  test("offer their tools, and get_cached_result", async () => {
    expect(await toolNames(clients.calculator)).toEqual([
      "calculate",
      "generate_fibonacci",
      "generate_primes",
      "generate_sequence",
      "get_cached_result",
      "list_cached_keys",
    ]);
    expect(await toolNames(clients.analyst)).toEqual([
      "aggregate_data",
      "analyze_data",
      "create_sample_data",
      "get_cached_result",
      "list_shared_cache",
      "transform_data",
    ]);
  });
});

test("the demo prints the walk, ends with 0 and leaves nothing behind", async () => {
  const { scripts } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  expect(scripts.demo).toMatch(/tsx examples\/embedded\/demo\.ts$/);
  const demo = new NodeProcess("examples/embedded/demo.ts", []);
  const { code, output } = await demo.end();
  expect(code, output).toBe(0);
  expect(output).toContain("calculator › generate_primes");
  expect(output).toMatch(/"sum": 3682913, "mean": 3682.913/);
  expect(output).toContain('"218922995834555169026"]');
  expect(output).toMatch(/it read {2}[\d,]+ tokens of answers; the values behind them hold [\d,]+ tokens/);
  expect(output).not.toMatch(/warn|error|debug/i);
  const dbPath = /All they share is (.+)/.exec(output)?.[1] ?? "";
  expect(existsSync(dirname(dbPath)), dbPath).toBe(false);
}, 60_000);

describe("a server process", () => {
  const main = "examples/servers/main.ts";

  test("ends with 0 when its client goes", async () => {
    const server = new NodeProcess(main, ["calculator"], { MCP_REFCACHE_DB_PATH: ":memory:" });
    expect(await server.end()).toEqual({ code: 0, signal: null, output: "" });
  });

  test("says how to start it where the arguments are wrong", async () => {
    const { code, output } = await new NodeProcess(main, ["abacus", "--port", "0"]).end();
    expect(code).toBe(2);
    expect(output).toMatch(/"calculator"\|"analyst"[\s\S]*port[\s\S]*Usage: main\.ts calculator\|analyst/);
  });
});

async function toolNames(client: Clients["analyst"]): Promise<string[]> {
  const { tools } = await client.listTools();
  return tools.map(({ name }) => name).sort();
}

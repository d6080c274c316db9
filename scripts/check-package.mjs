// Packs the package and uses the tarball as a stranger would: in an empty project without optional peers.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const bin = (name) => join(root, "node_modules", ".bin", name);
const run = (command, args, cwd) =>
  execFileSync(command, args, { cwd, stdio: ["ignore", "pipe", "inherit"], encoding: "utf8" });

const USE = `
import assert from "node:assert/strict";
import { MemoryBackend, RefCache, SYSTEM } from "mcp-refcache";
import { backendChecks } from "mcp-refcache/conformance";
import { SqliteBackend } from "mcp-refcache/sqlite";
import { RedisBackend } from "mcp-refcache/redis";
import { BullMqRunner, TaskWorker } from "mcp-refcache/bullmq";
import { withRefCache } from "mcp-refcache/fastmcp";

const cache = new RefCache({ name: "user" });
const answer = await cache.cached("n")(async (n) => Array.from({ length: n }, (_, i) => i))(5000);
assert.equal(answer.total_items, 5000);
assert.equal((await cache.resolve(answer.ref_id, { actor: SYSTEM })).length, 5000);
assert.equal(typeof withRefCache, "function");
const missing = async (make, peer) =>
  assert.rejects(async () => (await make()).get("a:00000000"), (error) => error.code === "peer_dependency" && error.message.includes("npm install " + peer));
await missing(() => new SqliteBackend({ path: ":memory:" }), "better-sqlite3");
await missing(() => new RedisBackend(), "ioredis");
await missing(() => new BullMqRunner(), "bullmq");
await missing(() => new TaskWorker(cache), "bullmq");
for (const check of backendChecks(async () => new MemoryBackend())) await check.run();
`;

const TYPED = `
import { type Answer, RefCache, type CacheBackend } from "mcp-refcache";
import { SqliteBackend } from "mcp-refcache/sqlite";
import { RedisBackend } from "mcp-refcache/redis";
import { BullMqRunner, type TaskPerformer, TaskWorker } from "mcp-refcache/bullmq";

const backends: CacheBackend[] = [new SqliteBackend(), new RedisBackend({ url: "redis://127.0.0.1" })];
const cache = new RefCache({ name: "typed", ...(backends[0] ? { backend: backends[0] } : {}), namespaces: { "user:*": { ttl: "5m" } } });
const primes = cache.cached("sequences", { ttl: "1h" })(async ({ count }: { count: number }) => [count]);
const answer: Answer<number[]> = await primes({ count: 3 });
export const value: number[] = answer.is_complete ? answer.value : await cache.resolve<number[]>(answer.ref_id ?? "");
export const startWorker = (performer: TaskPerformer) => new TaskWorker(performer, { url: "redis://127.0.0.1" }).start();
export const runner = new BullMqRunner({ url: "redis://127.0.0.1", maxWaiting: 10 });
class Tools {
  @cache.cached("tools") async load({ id }: { id: string }) { return { id, at: new Date() }; }
}
export const load: (args: { id: string }) => Promise<unknown> = new Tools().load;
// @ts-expect-error the argument must be a number
void primes({ count: "3" });
`;

const WITH_FASTMCP = `
import { FastMCP } from "fastmcp";
import { RefCache } from "mcp-refcache";
import { refCacheInstructions, withRefCache } from "mcp-refcache/fastmcp";
import { z } from "zod";

const cache = new RefCache({ name: "typed" });
const server = withRefCache(new FastMCP<{ user: string }>({ name: "Typed", version: "1.0.0", instructions: refCacheInstructions(cache) }), cache, {
  actor: ({ session }) => ({ type: "agent", id: session?.user ?? "nobody" }),
});
server.addTool({
  name: "typed",
  parameters: z.object({ count: z.number() }),
  execute: cache.cached("n")(async ({ count }, { session, signal }) => {
    signal.throwIfAborted();
    return [count.toFixed(), session?.user];
  }),
});
`;

const project = mkdtempSync(join(tmpdir(), "mcp-refcache-pack-"));
try {
  const [{ filename, files }] = JSON.parse(
    run("npm", ["pack", "--json", "--silent", "--pack-destination", project], root),
  );
  console.log(`packed ${filename}, ${files.length} files`);
  writeFileSync(
    join(project, "package.json"),
    JSON.stringify({ name: "stranger", private: true, type: "module" }),
  );
  writeFileSync(join(project, "use.mjs"), USE);
  writeFileSync(join(project, "typed.ts"), TYPED);
  run("npm", ["install", "--silent", "--no-audit", "--no-fund", join(project, filename)], project);
  run("node", ["use.mjs"], project);
  console.log("imports and works without any optional peer");
  const strict = [
    "--strict",
    "--noEmit",
    "--module",
    "nodenext",
    "--target",
    "es2022",
    "--exactOptionalPropertyTypes",
  ];
  run(bin("tsc"), [...strict, "typed.ts"], project);
  console.log("type-checks without any optional peer, declarations included");
  symlinkSync(join(root, "node_modules", "fastmcp"), join(project, "node_modules", "fastmcp"));
  writeFileSync(join(project, "with-fastmcp.ts"), WITH_FASTMCP);
  run(bin("tsc"), [...strict, "--skipLibCheck", "with-fastmcp.ts"], project);
  console.log("type-checks with fastmcp: arguments, context and session are inferred");
  run(bin("publint"), ["--strict", join(project, filename)], root);
  run(bin("attw"), ["--profile", "esm-only", "--format", "ascii", join(project, filename)], root);
  console.log("publint and attw find nothing");
} catch (error) {
  console.error(error.stdout ?? error);
  process.exitCode = 1;
} finally {
  rmSync(project, { recursive: true, force: true });
}

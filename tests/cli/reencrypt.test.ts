import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { type EncryptionOptions, RefCache } from "../../src/index.js";
import { asServer } from "../helpers/actors.js";
import { describeRedisServer } from "../helpers/describe-redis.js";
import { temporaryFolder } from "../helpers/folders.js";
import { encryption, key } from "../helpers/keys.js";
import { membersOf, type RawStore, redisStore, sqliteStore } from "../helpers/raw-stores.js";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const CANARY = "canary-5f3a";
const text = (n: number) => Buffer.from(key(n)).toString("base64");
const KEYS = { MCP_REFCACHE_KEYS: `k1:${text(1)}, k2:${text(2)}`, MCP_REFCACHE_CURRENT_KEY: "k2" };
const NEW = encryption({ keys: { k2: key(2) }, current: "k2" });

interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command with this environment and PATH alone. */
function command(args: readonly string[], env: Record<string, string> = KEYS): Promise<Run> {
  const node = ["--import", import.meta.resolve("tsx"), "src/cli/main.ts", ...args];
  const options = { cwd: ROOT, env: { PATH: process.env.PATH, ...env }, timeout: 60_000 };
  return new Promise((resolve) => {
    const child = execFile(process.execPath, node, options, (_error, stdout, stderr) =>
      resolve({ code: child.exitCode ?? -1, stdout, stderr }),
    );
  });
}

function onStore(make: () => Promise<RawStore>, argumentsFor: (store: RawStore) => [string[], object]): void {
  const run = (store: RawStore, ...more: string[]) => {
    const [args, env] = argumentsFor(store);
    return command(["reencrypt", ...args, ...more], { ...KEYS, ...env });
  };
  const on = (store: RawStore, options?: EncryptionOptions) =>
    new RefCache({ name: "calc", backend: store.connect(), encryption: options });

  test("re-encrypts every entry, whatever its name, and tells so on stderr", async () => {
    const store = await make();
    const { refId } = await on(store, encryption()).set("a", CANARY);
    const { refId: plain } = await on(store).set("b", CANARY);
    const first = await run(store);
    expect(first).toEqual({ code: 0, stdout: "", stderr: "Re-encrypted 1, unchanged 1, failed 0.\n" });
    expect(membersOf((await store.read(refId)).value_json).key_id).toBe("k2");
    expect((await run(store, "--plaintext")).stderr).toBe("Re-encrypted 1, unchanged 1, failed 0.\n");
    expect(await on(store, NEW).resolve(refId, asServer)).toBe(CANARY);
    expect(await on(store, NEW).resolve(plain, asServer)).toBe(CANARY);
  });

  test("ends with 1 when an entry failed", async () => {
    const store = await make();
    const { refId } = await on(store, encryption({ keys: { k9: key(9) }, current: "k9" })).set("a", CANARY);
    const { code, stdout, stderr } = await run(store);
    expect(code).toBe(1);
    expect(stdout).toBe("");
    expect(stderr).toContain("failed 1.");
    expect(stderr).toContain('"k9" is missing');
    expect(stderr).not.toMatch(new RegExp(`${refId}|${CANARY}|${text(1).slice(0, 9)}`));
  });
}

describe("mcp-refcache reencrypt --sqlite", () => {
  onStore(
    async () => sqliteStore(),
    ({ location }) => [["--sqlite", location.path ?? ""], {}],
  );
});

describeRedisServer("mcp-refcache reencrypt --redis", () => {
  onStore(redisStore, ({ location }) => [["--redis"], { REDIS_URL: location.url ?? "" }]);
});

describe("mcp-refcache", () => {
  test.each([
    [[]],
    [["encrypt"]],
    [["reencrypt"]],
    [["reencrypt", "--sqlite"]],
    [["reencrypt", "--sqlite", "a.db", "--redis"]],
    [["reencrypt", "--redis", "--all"]],
    [["reencrypt", "--redis", `k1:${text(1)}`]],
  ])("%j is a mistake, and usage is shown", async (args) => {
    const { code, stdout, stderr } = await command(args);
    expect(code).toBe(2);
    expect(stdout).toBe("");
    expect(stderr).toContain("Usage: mcp-refcache reencrypt");
    expect(stderr).not.toContain(text(1));
  });

  test("keys that are missing or wrong are named by their variable", async () => {
    const { location } = sqliteStore();
    for (const [env, variable] of [
      [{}, "MCP_REFCACHE_KEYS"],
      [{ ...KEYS, MCP_REFCACHE_CURRENT_KEY: "k3" }, "MCP_REFCACHE_CURRENT_KEY"],
    ] as const) {
      const { code, stderr } = await command(["reencrypt", "--sqlite", location.path ?? ""], env);
      expect(code).toBe(1);
      expect(stderr).toContain(variable);
    }
  });

  test("a file that is not there is not made", async () => {
    const path = join(temporaryFolder(), "mistyped.db");
    const { code, stderr } = await command(["reencrypt", "--sqlite", path]);
    expect(code).toBe(1);
    expect(stderr).toContain("--sqlite");
    expect(existsSync(path)).toBe(false);
  });

  test("a Redis that cannot be reached is told, and no stack", async () => {
    const { code, stderr } = await command(["reencrypt", "--redis"], {
      ...KEYS,
      REDIS_URL: "redis://127.0.0.1:1",
    });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^mcp-refcache: The Redis store at 127.0.0.1:1 .*\n$/);
  });
});

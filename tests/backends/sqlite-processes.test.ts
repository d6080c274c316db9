import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import Database from "better-sqlite3";
import { expect, onTestFinished, test } from "vitest";
import { SqliteBackend } from "../../src/backends/sqlite/index.js";
import { all } from "../helpers/entries.js";
import { temporaryFolder } from "../helpers/folders.js";
import { childResult, startChild } from "./sqlite-children/run.js";

function sqlite(path: string): SqliteBackend {
  const backend = new SqliteBackend(path);
  onTestFinished(() => backend.close());
  return backend;
}

test("four processes on one new file: no error, nothing lost, no stall", { timeout: 60_000 }, async () => {
  const path = join(temporaryFolder(), "cache.db");
  const rounds = 150;
  const results = await Promise.all(
    ["aa", "bb", "cc", "dd"].map((name) =>
      childResult<{ errors: string[]; missing: number; stall: number }>(
        "traffic.ts",
        path,
        name,
        `${rounds}`,
      ),
    ),
  );
  for (const { errors, missing, stall } of results) {
    expect(errors).toEqual([]);
    expect(missing).toBe(0);
    expect(stall).toBeLessThan(250);
  }
  const backend = sqlite(path);
  for (const name of ["aa", "bb", "cc", "dd"]) {
    expect((await all(backend.keys(name))).length).toBe((rounds * 4) / 2);
  }
  expect(new Database(path).pragma("integrity_check", { simple: true })).toBe("ok");
});

test.each([1, 2, 3])(
  "what was acknowledged before kill -9 is there after it (%d)",
  { timeout: 60_000 },
  async () => {
    const path = join(temporaryFolder(), "cache.db");
    const writer = startChild("writer.ts", path);
    const acknowledged: string[] = [];
    const lines = createInterface({ input: writer.stdout });
    lines.on("line", (line) => acknowledged.push(line));
    while (acknowledged.length < 100) await sleep(5);
    await sleep(Math.random() * 200);
    writer.kill("SIGKILL");
    await once(lines, "close");

    const backend = sqlite(path);
    for (const refId of acknowledged) {
      const read = await backend.get(refId);
      expect(read?.metadata.totalSize).toBe(read?.json.length);
      expect(read).toBeDefined();
    }
    expect(new Database(path).pragma("integrity_check", { simple: true })).toBe("ok");
  },
);

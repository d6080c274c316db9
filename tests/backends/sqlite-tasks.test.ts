import Database from "better-sqlite3";
import { expect, test, vi } from "vitest";
import { EntryUnreadableError } from "../../src/index.js";
import { entry } from "../helpers/entries.js";
import { sqlite } from "../helpers/sqlite.js";

const LEASE = 60_000;
const refId = (n: number) => `test:${n.toString(16).padStart(40, "0")}`;
const record = (wish: Parameters<typeof entry>[0] = {}) => entry({ expiresIn: LEASE, ...wish });

function run(path: string, sql: string): unknown[] {
  const database = new Database(path);
  try {
    const statement = database.prepare(sql);
    return statement.reader ? statement.pluck().all() : [statement.run()];
  } finally {
    database.close();
  }
}

test("a record that is damaged is an error that names it, and changing it puts it right", async () => {
  const backend = sqlite();
  await backend.addTask(refId(1), record(), { lease: LEASE });
  run(backend.path, "UPDATE refcache_tasks SET record = substr(record, 1, 40)");
  await expect(backend.readTask(refId(1))).rejects.toThrow(EntryUnreadableError);
  expect(await backend.changeTask(refId(1), record({ value: "new" }), 1)).toBe(true);
  expect((await backend.readTask(refId(1)))?.record.json).toBe('"new"');
});

test("of changes by several servers at once, one is done", async () => {
  const one = sqlite();
  await one.addTask(refId(1), record(), { lease: 1, name: "name" });
  const servers = [one, sqlite(one.path), sqlite(one.path)];
  for (let revision = 1; revision <= 20; revision++) {
    const changes = servers.map((server) => server.changeTask(refId(1), record(), revision, LEASE));
    expect((await Promise.all(changes)).filter(Boolean)).toHaveLength(1);
  }
  for (const server of servers) {
    expect(await server.readTask(refId(1))).toMatchObject({ revision: 21 });
    expect(await server.taskOf("name")).toBe(refId(1));
  }
});

test("expired records are swept, unfinished or not", async () => {
  const backend = sqlite(undefined, { sweepInterval: 20 });
  await backend.addTask(refId(1), record({ expiresIn: 50 }), { lease: LEASE, name: "name" });
  await backend.addTask(refId(2), record(), { lease: LEASE });
  await backend.changeTask(refId(2), record({ expiresIn: 50 }), 1, 0);
  await backend.addTask(refId(3), record(), { lease: LEASE });
  const left = () => run(backend.path, "SELECT key FROM refcache_tasks");
  await vi.waitFor(() => expect(left()).toEqual([refId(3)]), 5000);
});

test("abandoned tasks are found by index", async () => {
  const backend = sqlite();
  await backend.abandonedTasks(1);
  const database = new Database(backend.path);
  const plan = database
    .prepare("EXPLAIN QUERY PLAN SELECT key FROM refcache_tasks WHERE is_finished = 0 AND lease_ends_at <= 1")
    .all() as { detail: string }[];
  database.close();
  expect(plan.map(({ detail }) => detail).join()).toContain("refcache_tasks_unfinished");
});

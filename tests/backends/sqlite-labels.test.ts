import Database from "better-sqlite3";
import { expect, test, vi } from "vitest";
import { entry, reference } from "../helpers/entries.js";
import { sqlite } from "../helpers/sqlite.js";

const [A, B, C] = [reference(1), reference(2), reference(3)];
const tagged = (wish: Parameters<typeof entry>[0] = {}) => entry({ ...wish, metadata: { tags: ["t"] } });
const tag = { kind: "tag", name: "t" } as const;

function labelsIn(path: string): unknown[] {
  const database = new Database(path, { readonly: true });
  try {
    return database.prepare("SELECT key FROM refcache_labels ORDER BY key").pluck().all();
  } finally {
    database.close();
  }
}

test("what Python wrote over an entry, or deleted, is not touched and no longer indexed", async () => {
  const backend = sqlite();
  for (const refId of [A, B, C]) await backend.set(refId, tagged());
  const database = new Database(backend.path);
  database.prepare("DELETE FROM cache_entries WHERE key = ?").run(A);
  database.prepare("UPDATE cache_entries SET metadata_json = ? WHERE key = ?").run('{"tool_name": null}', B);
  database.close();
  expect(await backend.removeLabelled(tag)).toBe(1);
  expect(labelsIn(backend.path)).toEqual([]);
  expect(await backend.exists(B)).toBe(true);
});

test("an entry that cannot be read is left alone", async () => {
  const backend = sqlite();
  for (const refId of [A, B]) await backend.set(refId, tagged());
  const database = new Database(backend.path);
  database.prepare("UPDATE cache_entries SET policy_json = ? WHERE key = ?").run("{}", A);
  database.close();
  expect(await backend.removeLabelled(tag)).toBe(1);
  expect(await backend.delete(A)).toBe(true);
});

test("labels of what has expired are swept", async () => {
  const backend = sqlite(undefined, { sweepInterval: 20 });
  await backend.set(A, tagged({ expiresIn: 50 }));
  await backend.set(B, tagged());
  await vi.waitFor(() => expect(labelsIn(backend.path)).toEqual([B]), 5000);
});

test("clear leaves no label and no name, of a namespace those of others", async () => {
  const backend = sqlite();
  const linked = (namespace: string, link: string) =>
    entry({ namespace, metadata: { toolName: "tool", link } });
  await backend.setLinked(A, linked("a", "memo:1"), "memo:1");
  await backend.setLinked(B, linked("b", "memo:2"), "memo:2");
  expect(await backend.clear("a")).toBe(1);
  expect(await backend.getLink("memo:1")).toBeUndefined();
  expect(await backend.getLink("memo:2")).toBe(B);
  await backend.clear();
  expect(labelsIn(backend.path)).toEqual([]);
});

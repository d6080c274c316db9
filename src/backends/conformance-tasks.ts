import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { DEFAULT_POLICY } from "../access/policy.js";
import type { Entry } from "../entry/entry.js";
import { StoreUnavailableError } from "../errors.js";
import { type CacheBackend, type FoundTask, hasTasks, type TaskStore } from "./backend.js";

type Backend = CacheBackend & TaskStore;

const A = nth(1);
const B = nth(2);
const NAME = "memo:1";
/** Longer than any check takes. */
const LONG = 60_000;
const SHORT = 300;

/** What a backend with records of tasks must do. */
export const TASK_CHECKS: Readonly<Record<string, (backend: CacheBackend) => Promise<void>>> = {
  "tasks: are added once, and read as they are": whereTasks(async (backend) => {
    assert.equal(await backend.readTask(A), undefined);
    assert.equal(await backend.taskOf(NAME), undefined);
    const record = make("first");
    assert.equal(await backend.addTask(A, record, { lease: LONG, name: NAME }), true);
    assert.equal(await backend.addTask(A, make("second"), { lease: LONG, name: "memo:2" }), false);
    const task = await found(backend);
    assert.deepEqual(task.record, record);
    assert.equal(task.revision, 1);
    assert.ok(task.leaseLeft > 0 && task.leaseLeft <= LONG);
    assert.equal(await backend.taskOf(NAME), A);
    assert.equal(await backend.taskOf("memo:2"), undefined);
  }),

  "tasks: of many that add one at the same time, one does": whereTasks(async (backend) => {
    const adding = texts(20).map((text) => backend.addTask(A, make(text), { lease: LONG }));
    const winner = winnerOf(await Promise.all(adding));
    assert.equal((await found(backend)).record.json, JSON.stringify(`${winner}`));
  }),

  "tasks: changes count up, and come back byte for byte": whereTasks(async (backend) => {
    await backend.addTask(A, make(), { lease: LONG });
    const records = ["x".repeat(100_000), "Zoë 日本 😀 \u2028\n|:{}", ""].map((text) => make(text));
    for (const [n, record] of records.entries()) {
      assert.equal(await backend.changeTask(A, record, n + 1), true);
      const task = await found(backend);
      assert.ok(task.record.json === record.json, "the text of the record has changed");
      assert.deepEqual(task.record, record);
      assert.equal(task.revision, n + 2);
    }
  }),

  "tasks: keep every member of the head": whereTasks(async (backend) => {
    const record = make("head", {
      namespace: "user:Zoë",
      policy: { ...DEFAULT_POLICY, owner: "user:Zoë", allowedActors: ["user:*"], boundSession: "s" },
      metadata: { toolName: "tool", totalItems: null, totalSize: 6, other: { nested: [1, null] } },
    });
    await backend.addTask(A, record, { lease: LONG });
    assert.deepEqual((await found(backend)).record, record);
  }),

  "tasks: a change of another revision, or of nothing, changes nothing": whereTasks(async (backend) => {
    assert.equal(await backend.changeTask(A, make(), 1, LONG), false);
    assert.equal(await backend.readTask(A), undefined);
    await backend.addTask(A, make("first"), { lease: SHORT });
    await backend.changeTask(A, make("second"), 1);
    for (const revision of [0, 1, 3]) {
      assert.equal(await backend.changeTask(A, make("wrong"), revision, LONG), false);
      assert.equal(await backend.changeTask(A, make("wrong"), revision, 0), false);
      assert.equal(await backend.renewTask(A, revision, LONG), false);
    }
    const { record, revision, leaseLeft } = await found(backend);
    assert.deepEqual([record.json, revision], ['"second"', 2]);
    assert.ok(leaseLeft <= SHORT);
  }),

  "tasks: of many changes of one revision, one is done": whereTasks(async (backend) => {
    await backend.addTask(A, make(), { lease: LONG });
    const changing = texts(20).map((text, n) => backend.changeTask(A, make(text), 1, n % 2 ? LONG : 0));
    const winner = winnerOf(await Promise.all(changing));
    const task = await found(backend);
    assert.equal(task.record.json, JSON.stringify(`${winner}`));
    assert.equal(task.revision, 2);
    assert.equal(task.leaseLeft > 0, winner % 2 === 1);
  }),

  "tasks: leases end, and last longer when they are renewed, or by a change": whereTasks(async (backend) => {
    const [left, renewed, changed] = [nth(1), nth(2), nth(3)];
    for (const refId of [left, renewed, changed]) await backend.addTask(refId, make(), { lease: SHORT });
    assert.equal(await backend.changeTask(left, make(), 1), true);
    assert.equal(await backend.renewTask(renewed, 1, LONG), true);
    assert.equal(await backend.changeTask(changed, make(), 1, LONG), true);
    await sleep(SHORT + 50);
    assert.equal((await found(backend, left)).leaseLeft, 0);
    assert.equal((await found(backend, renewed)).revision, 1);
    for (const refId of [renewed, changed]) assert.ok((await found(backend, refId)).leaseLeft > SHORT);
    assert.deepEqual(await backend.abandonedTasks(10), [left]);
  }),

  "tasks: a lease that has ended is renewed by whoever has the revision": whereTasks(async (backend) => {
    await backend.addTask(A, make(), { lease: 1 });
    await sleep(20);
    assert.deepEqual(await backend.abandonedTasks(10), [A]);
    assert.equal(await backend.renewTask(A, 1, LONG), true);
    assert.ok((await found(backend)).leaseLeft > 0);
    assert.deepEqual(await backend.abandonedTasks(10), []);
  }),

  "tasks: those abandoned are listed until somebody takes them up": whereTasks(async (backend) => {
    for (let n = 0; n < 5; n++) await backend.addTask(nth(n), make(), { lease: n === 4 ? LONG : 1 });
    await sleep(20);
    assert.deepEqual(await abandoned(backend), [nth(0), nth(1), nth(2), nth(3)]);
    assert.equal((await backend.abandonedTasks(2)).length, 2);
    assert.equal(await backend.changeTask(nth(0), make(), 1, LONG), true);
    assert.equal(await backend.renewTask(nth(1), 1, SHORT), true);
    assert.equal(await backend.changeTask(nth(2), make(), 1), true);
    assert.deepEqual(await abandoned(backend), [nth(2), nth(3)]);
    await sleep(SHORT + 50);
    assert.deepEqual(await abandoned(backend), [nth(1), nth(2), nth(3)]);
  }),

  "tasks: are finished by a lease of 0, and stay so": whereTasks(async (backend) => {
    for (const refId of [A, B]) await backend.addTask(refId, make(), { lease: refId === A ? LONG : 1 });
    for (const refId of [A, B]) {
      assert.equal(await backend.changeTask(refId, make("over"), 1, 0), true);
      assert.equal(await backend.renewTask(refId, 2, LONG), false);
      assert.equal(await backend.changeTask(refId, make("told of"), 2), true);
      assert.equal((await found(backend, refId)).leaseLeft, 0);
    }
    await sleep(20);
    assert.deepEqual(await backend.abandonedTasks(10), []);
  }),

  "tasks: begin again by a change with a lease": whereTasks(async (backend) => {
    await backend.addTask(A, make(), { lease: LONG });
    await backend.changeTask(A, make(), 1, 0);
    assert.equal(await backend.changeTask(A, make(), 2, 1), true);
    await sleep(20);
    assert.deepEqual(await backend.abandonedTasks(10), [A]);
    assert.equal(await backend.renewTask(A, 3, LONG), true);
  }),

  "tasks: a name leads to the last one, finished or not": whereTasks(async (backend) => {
    await backend.addTask(A, make(), { lease: LONG, name: NAME });
    await backend.addTask(B, make("", { expiresAt: Date.now() + 400 }), { lease: LONG, name: NAME });
    assert.equal(await backend.taskOf(NAME), B);
    assert.equal(await backend.changeTask(B, make("", { expiresAt: Date.now() + 400 }), 1, 0), true);
    assert.equal(await backend.taskOf(NAME), B);
    await sleep(450);
    assert.equal(await backend.taskOf(NAME), undefined);
    assert.ok(await backend.readTask(A));
  }),

  "tasks: a name lasts as long as the record, which changes may lengthen or shorten": whereTasks(
    async (backend) => {
      for (const refId of [A, B]) {
        const expiresAt = Date.now() + (refId === A ? 500 : LONG);
        await backend.addTask(refId, make("", { expiresAt }), { lease: LONG, name: `of ${refId}` });
        const other = Date.now() + (refId === A ? LONG : 500);
        assert.equal(await backend.changeTask(refId, make("", { expiresAt: other }), 1), true);
      }
      await sleep(550);
      assert.equal(await backend.taskOf(`of ${A}`), A);
      assert.equal(await backend.taskOf(`of ${B}`), undefined);
      assert.equal(await backend.readTask(B), undefined);
    },
  ),

  "tasks: take any name of 200 ASCII characters": whereTasks(async (backend) => {
    const names = ["*", "a b", "%_'\"\\{}[]?:", "~".repeat(200), `${"~".repeat(199)}-`, "lease:x"];
    for (const [n, name] of names.entries()) await backend.addTask(nth(n), make(), { lease: LONG, name });
    for (const [n, name] of names.entries()) assert.equal(await backend.taskOf(name), nth(n), name);
  }),

  "tasks: are missing from their expiry on": whereTasks(async (backend) => {
    const expiresAt = Date.now() + 400;
    await backend.addTask(A, make("", { expiresAt }), { lease: 1, name: NAME });
    await backend.addTask(B, make(), { lease: LONG });
    await backend.changeTask(B, make("", { expiresAt }), 1, 1);
    await sleep(450);
    for (const refId of [A, B]) {
      assert.equal(await backend.readTask(refId), undefined);
      assert.equal(await backend.changeTask(refId, make(), 1, LONG), false);
      assert.equal(await backend.changeTask(refId, make(), 2, LONG), false);
      assert.equal(await backend.renewTask(refId, 1, LONG), false);
    }
    assert.equal(await backend.taskOf(NAME), undefined);
    assert.deepEqual(await backend.abandonedTasks(10), []);
    assert.equal(await backend.addTask(A, make("again"), { lease: LONG }), true);
    assert.equal((await found(backend)).revision, 1);
  }),

  "tasks: are not entries, nor names links": whereTasks(async (backend) => {
    await backend.addTask(A, make(), { lease: LONG, name: NAME });
    assert.equal(await backend.get(A), undefined);
    assert.equal(await backend.exists(A), false);
    assert.equal(await backend.delete(A), false);
    for (const namespace of [undefined, "checks"]) {
      for await (const refId of backend.keys(namespace)) assert.fail(`${refId} is listed`);
    }
    assert.equal(await backend.clear("checks"), 0);
    await backend.set(A, make("the result"));
    await backend.delete(A);
    assert.equal((await found(backend)).revision, 1);
    assert.equal(await backend.taskOf(NAME), A);
  }),

  "tasks: go when everything is cleared, and do not count": whereTasks(async (backend) => {
    for (const refId of [A, B]) await backend.addTask(refId, make(), { lease: 1, name: `of ${refId}` });
    await backend.set(A, make());
    assert.equal(await backend.clear(), 1);
    assert.equal(await backend.readTask(A), undefined);
    assert.equal(await backend.taskOf(`of ${B}`), undefined);
    assert.deepEqual(await backend.abandonedTasks(10), []);
    assert.equal(await backend.addTask(A, make(), { lease: LONG }), true);
  }),

  "tasks: neither the caller's object nor the reader's is the record": whereTasks(async (backend) => {
    const record = make("", { policy: { ...DEFAULT_POLICY, allowedActors: ["user:a"] } });
    const expected = structuredClone(record);
    await backend.addTask(A, record, { lease: LONG });
    vandalise(record);
    vandalise((await found(backend)).record);
    assert.deepEqual((await found(backend)).record, expected);
  }),

  "tasks: reject after close": whereTasks(async (backend) => {
    await backend.addTask(A, make(), { lease: LONG });
    await backend.close();
    await assert.rejects(backend.addTask(B, make(), { lease: LONG }), StoreUnavailableError);
    await assert.rejects(backend.readTask(A), StoreUnavailableError);
    await assert.rejects(backend.changeTask(A, make(), 1, LONG), StoreUnavailableError);
    await assert.rejects(backend.renewTask(A, 1, LONG), StoreUnavailableError);
    await assert.rejects(backend.taskOf(NAME), StoreUnavailableError);
    await assert.rejects(backend.abandonedTasks(1), StoreUnavailableError);
  }),
};

function whereTasks(check: (backend: Backend) => Promise<void>) {
  return async (backend: CacheBackend) => (hasTasks(backend) ? check(backend) : undefined);
}

function make(text = "", wish: Partial<Entry> = {}): Entry {
  const json = JSON.stringify(text);
  return {
    json,
    namespace: "checks",
    policy: DEFAULT_POLICY,
    createdAt: 1_700_000_000_000,
    expiresAt: 4_102_444_800_500, // in the year 2100
    metadata: { toolName: null, totalItems: null, totalSize: Buffer.byteLength(json) },
    ...wish,
  };
}

/** References of tasks are longer than others. */
function nth(n: number): string {
  return `check:${n.toString(16).padStart(40, "0")}`;
}

function texts(count: number): string[] {
  return Array.from({ length: count }, (_, n) => `${n}`);
}

/** The place of the one that is `true`. */
function winnerOf(outcomes: readonly boolean[]): number {
  assert.equal(outcomes.filter((isDone) => isDone).length, 1);
  return outcomes.indexOf(true);
}

async function found(backend: Backend, refId = A): Promise<FoundTask> {
  const task = await backend.readTask(refId);
  assert.ok(task, "there is no record");
  return task;
}

async function abandoned(backend: Backend): Promise<string[]> {
  return [...(await backend.abandonedTasks(100))].sort();
}

/** Changes what can be changed; a frozen object refuses, which is as good. */
function vandalise(record: Entry): void {
  for (const part of [record, record.policy, record.policy.allowedActors ?? [], record.metadata]) {
    try {
      Object.assign(part, { 0: "user:mallory", json: '"changed"', owner: "mallory", toolName: "changed" });
    } catch (error) {
      assert.ok(error instanceof TypeError);
    }
  }
}

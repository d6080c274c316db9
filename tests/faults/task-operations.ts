import { entry } from "../helpers/entries.js";
import { compare, id, link, listed, nextSeed, present, raw, read, rows, write } from "./operation-kit.js";
import type { Operation, Remains, Server } from "./operations.js";

/** Longer than any fault, in milliseconds. */
const LEASE_MS = 60_000;
const RENEWED_MS = 10 * LEASE_MS;
/** More than there are in the store. */
const ALL = 1000;

/** What is done with records of tasks. */
export async function prepareTasks(server: Server, observer: Server, length?: number): Promise<Operation[]> {
  const [known, left, fresh] = [nextSeed(), nextSeed(), nextSeed()];
  const [changed, renewed, finished] = [nextSeed(), nextSeed(), nextSeed()];
  const { backend } = server;
  for (const seed of [known, left, changed, renewed, finished]) {
    const lease = seed === left ? 1 : LEASE_MS;
    await observer.backend.addTask(id(seed), record(seed), { lease, name: link(seed) });
  }
  return raw([
    read("backend readTask", 1, async () =>
      present((await backend.readTask(id(known)))?.record.json, record(known).json),
    ),
    read("backend taskOf", 2, async () => present(await backend.taskOf(link(known)), id(known))),
    read("backend abandonedTasks", 3, async () => listed(await backend.abandonedTasks(ALL), id(left))),
    write(
      "backend addTask",
      3,
      () => backend.addTask(id(fresh), record(fresh, length), { lease: LEASE_MS, name: link(fresh) }),
      async ({ backend }): Promise<Remains> => {
        const isNamed = (await backend.taskOf(link(fresh))) === id(fresh);
        const json = (await backend.readTask(id(fresh)))?.record.json;
        const found = compare(json, record(fresh, length).json);
        return found === "done" && !isNamed ? "partly" : found;
      },
    ),
    write(
      "backend changeTask",
      1,
      () => backend.changeTask(id(changed), record(fresh, length), 1, RENEWED_MS),
      async ({ backend }): Promise<Remains> => {
        const task = await backend.readTask(id(changed));
        if (task?.revision === 1) return task.record.json === record(changed).json ? "undone" : "wrong";
        const isLeased = (task?.leaseLeft ?? 0) > LEASE_MS;
        return isLeased && task?.record.json === record(fresh, length).json ? "done" : "wrong";
      },
    ),
    write(
      "backend changeTask, which finishes it",
      2,
      () => backend.changeTask(id(finished), record(finished), 1, 0),
      async ({ backend }): Promise<Remains> => {
        const task = await backend.readTask(id(finished));
        if (task?.revision === 1) return task.leaseLeft > 0 ? "undone" : "wrong";
        return task?.leaseLeft === 0 ? "done" : "wrong";
      },
    ),
    write(
      "backend renewTask",
      1,
      () => backend.renewTask(id(renewed), 1, RENEWED_MS),
      async ({ backend }): Promise<Remains> => {
        const { leaseLeft = 0 } = (await backend.readTask(id(renewed))) ?? {};
        return leaseLeft > LEASE_MS ? "done" : leaseLeft > 0 ? "undone" : "wrong";
      },
    ),
  ]);
}

function record(seed: number, length?: number) {
  return entry({ value: rows(seed, length), expiresIn: 2 * RENEWED_MS });
}

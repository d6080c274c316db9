import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { CacheBackend } from "../../src/backends/backend.js";
import {
  type Actor,
  type Group,
  MemoryBackend,
  Permission,
  PermissionDeniedError,
  RefCache,
  ReferenceUnavailableError,
  SYSTEM,
} from "../../src/index.js";
import { asServer } from "../helpers/actors.js";
import { all } from "../helpers/entries.js";
import { sqlite } from "../helpers/sqlite.js";

const TABLE = readTable(readFileSync(new URL("decisions.txt", import.meta.url), "utf8"));

const PRINCIPALS: Readonly<Record<string, Actor>> = {
  system: SYSTEM,
  alice: { type: "user", id: "alice", sessionId: "s2" },
  "alice's agent": { type: "agent", id: "alice", sessionId: "s2" },
  "alice's agent in s1": { type: "agent", id: "alice", sessionId: "s1" },
  bob: { type: "user", id: "bob" },
  "bob's agent": { type: "agent", id: "bob" },
  somebody: { type: "user" },
  something: { type: "agent" },
};
const PERMISSIONS = ["READ", "WRITE", "UPDATE", "DELETE", "EXECUTE", "FULL"] as const;
const OPERATIONS = ["g", "r", "x", "s", "u", "d", "l"] as const;
type Letter = (typeof OPERATIONS)[number];

function members({ type, id }: Actor, group: Group): boolean {
  if (group.kind === "org")
    return group.id === "acme" && (id === "alice" || (id === "bob" && type === "agent"));
  return group.id === "team" && id === "bob";
}

/** One line of the table: what each permission lets one principal do in one namespace. */
interface Row {
  readonly namespace: string;
  readonly principal: string;
  readonly cells: readonly string[];
}

function readTable(text: string): readonly Row[] {
  const rows: Row[] = [];
  let namespace = "";
  for (const line of text.split("\n")) {
    if (/^[a-z]/.test(line)) namespace = line;
    const [, principal, cells] = /^ {2}(.+?)\s+((?:[a-z.]{7}\s*){6})$/.exec(line) ?? [];
    if (principal !== undefined && cells !== undefined)
      rows.push({ namespace, principal, cells: cells.trim().split(/\s+/) });
  }
  return rows;
}

/** Yes or no; any refusal but the one that is expected is a failure. */
async function succeeds(attempt: Promise<unknown>, refusal: new () => Error): Promise<boolean> {
  try {
    await attempt;
    return true;
  } catch (error) {
    if (error instanceof refusal) return false;
    throw error;
  }
}

/** A store in which everybody is granted exactly one permission, and one actor's attempts at it. */
class Trial {
  readonly #open: RefCache;
  readonly #cache: RefCache;
  readonly #namespace: string;
  readonly #options: { actor: Actor };

  constructor(
    backend: CacheBackend,
    permission: (typeof PERMISSIONS)[number],
    namespace: string,
    actor: Actor,
  ) {
    const granted = Permission[permission];
    const exactly = { userPermissions: granted, agentPermissions: granted, ownerPermissions: granted };
    this.#cache = new RefCache({ name: "test", backend, members, defaultPolicy: exactly });
    this.#open = new RefCache({
      name: "test",
      backend,
      members,
      defaultPolicy: { agentPermissions: Permission.FULL },
    });
    this.#namespace = namespace;
    this.#options = { actor };
  }

  async may(letter: Letter): Promise<boolean> {
    const { refId } = await this.#cache.set("taken", "treasure", { namespace: this.#namespace });
    const may = await this.#try(letter, refId);
    await this.#open.clear(this.#namespace, asServer);
    return may;
  }

  async #try(letter: Letter, refId: string): Promise<boolean> {
    const options = this.#options;
    const where = { ...options, namespace: this.#namespace };
    switch (letter) {
      case "g":
        return succeeds(this.#cache.get(refId, options), ReferenceUnavailableError);
      case "r":
        return succeeds(this.#cache.resolve(refId, options), ReferenceUnavailableError);
      case "x":
        return this.#oneAnswer([
          await this.#cache.exists(refId, options),
          (await this.#cache.lookup("taken", where)) !== undefined,
          (await this.#cache.info(refId, options)) !== undefined,
        ]);
      case "s":
        return succeeds(this.#cache.set("new", 1, where), PermissionDeniedError);
      case "u":
        return this.#update(refId, where);
      case "d":
        return this.#oneAnswer([await this.#clear(), await this.#delete(refId)]);
      case "l":
        return (await all(this.#cache.list(options))).some((found) => found.refId === refId);
    }
  }

  /** Setting the key anew, where WRITE is nobody's trouble. */
  async #update(refId: string, where: { actor: Actor; namespace: string }): Promise<boolean> {
    const updated = await succeeds(this.#open.set("taken", 2, where), PermissionDeniedError);
    const now = await this.#cache.lookup("taken", { ...asServer, namespace: this.#namespace });
    expect(now?.refId !== refId).toBe(updated);
    return updated;
  }

  async #clear(): Promise<boolean> {
    const cleared = await this.#cache.clear(this.#namespace, this.#options);
    if (cleared > 0) await this.#cache.set("taken", "treasure", { namespace: this.#namespace });
    return cleared === 1;
  }

  async #delete(refId: string): Promise<boolean> {
    const there = (await this.#cache.exists(refId, asServer)) ? refId : await this.#nowUnderKey();
    const deleted = await this.#cache.delete(there, this.#options);
    expect(await this.#cache.exists(there, asServer)).toBe(!deleted);
    return deleted;
  }

  async #nowUnderKey(): Promise<string> {
    return (await this.#cache.lookup("taken", { ...asServer, namespace: this.#namespace }))?.refId ?? "";
  }

  #oneAnswer([first = false, ...others]: readonly boolean[]): boolean {
    expect(others).toEqual(others.map(() => first));
    return first;
  }
}

/** The row as the cache has it; cells that are not asked for stay as the table says. */
async function observe(
  { namespace, principal, cells }: Row,
  backend: () => CacheBackend,
  isAsked: (permission: number, operation: number) => boolean = () => true,
): Promise<Row> {
  const observed: string[] = [];
  for (const [column, permission] of PERMISSIONS.entries()) {
    const trial = new Trial(backend(), permission, namespace, PRINCIPALS[principal] as Actor);
    let cell = "";
    for (const [place, letter] of OPERATIONS.entries()) {
      if (!isAsked(column, place)) cell += cells[column]?.[place];
      else cell += (await trial.may(letter)) ? letter : ".";
    }
    observed.push(cell);
  }
  return { namespace, principal, cells: observed };
}

const namespaces = [...new Set(TABLE.map(({ namespace }) => namespace))];
const rowsOf = (namespace: string) => TABLE.filter((row) => row.namespace === namespace);

test("the table has 3,024 cells", () => {
  expect(namespaces).toHaveLength(9);
  for (const namespace of namespaces)
    expect(rowsOf(namespace).map(({ principal }) => principal)).toEqual(Object.keys(PRINCIPALS));
  const cells = TABLE.flatMap((row) => row.cells.flatMap((cell) => [...cell]));
  expect(cells).toHaveLength(8 * 6 * 9 * 7);
  expect(cells.every((cell, at) => cell === "." || cell === OPERATIONS[at % 7])).toBe(true);
});

describe("a cache decides as the table says, in", () => {
  test.each(namespaces)("%s", async (namespace) => {
    const backend = new MemoryBackend();
    const observed: Row[] = [];
    for (const row of rowsOf(namespace)) observed.push(await observe(row, () => backend));
    expect(observed).toEqual(rowsOf(namespace));
    await backend.close();
  });
});

test("a cache on SQLite decides the same, in every eleventh cell", async () => {
  const backend = sqlite();
  for (const [line, row] of TABLE.entries()) {
    const isAsked = (column: number, place: number) => (line * 42 + column * 7 + place) % 11 === 0;
    expect(await observe(row, () => backend, isAsked)).toEqual(row);
  }
});

import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import { ADDRESS_FAULTS } from "./address-faults.js";
import { CONNECTION_FAULTS } from "./connection-faults.js";
import type { Outcome } from "./operations.js";
import type { FaultCase } from "./run-fault.js";
import { SERVER_FAULTS } from "./server-faults.js";
import { DISK_FULL, SQLITE_FAULTS } from "./sqlite-faults.js";

const root = resolve(import.meta.dirname, "../..");

/** A row of the document: the name, how reads and writes end, and whether what was acknowledged may be gone. */
type Row = readonly [name: string, reads: string, writes: string, loses: string];

const LISTED: readonly Row[] = [
  ...[...CONNECTION_FAULTS, ...SERVER_FAULTS].map(rowOf),
  ...ADDRESS_FAULTS.map(({ name, outcomes }) => rowOf({ name, reads: outcomes, writes: outcomes })),
  ...[...SQLITE_FAULTS, DISK_FULL].map(rowOf),
];

test("docs/faults.md names each fault of the list, how reads and writes end under it, and no other", () => {
  expect(documented()).toEqual(LISTED);
});

test("the list has thirty faults or more, each with a name of its own", () => {
  expect(new Set(LISTED.map(([name]) => name)).size).toBe(LISTED.length);
  expect(LISTED.length).toBeGreaterThanOrEqual(30);
});

function rowOf(fault: Pick<FaultCase<never>, "name" | "loses"> & Record<"reads" | "writes", Outcomes>): Row {
  const { name, reads, writes, loses } = fault;
  return [name, told(reads, "right"), told(writes, "done"), loses ? "yes" : ""];
}

type Outcomes = readonly Outcome[];

function told(outcomes: readonly Outcome[], value: string): string {
  const words = outcomes.map((outcome) =>
    outcome === "value" ? value : outcome === "miss" ? outcome : `\`${outcome}\``,
  );
  return [...new Set(words)].join(", ");
}

function documented(): Row[] {
  const text = readFileSync(join(root, "docs/faults.md"), "utf8");
  const rows = [...text.matchAll(/^\| ([A-Z].*?) \|(.*?)\|(.*?)\|(.*?)\|$/gm)];
  return rows.map(([, name = "", ...cells]) => [name, ...cells.map((cell) => cell.trim())] as unknown as Row);
}

import {
  appendFileSync,
  copyFileSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { Database } from "better-sqlite3";
import type { FaultCase } from "./run-fault.js";
import type { SqliteRig } from "./sqlite-rig.js";

const PAGE_BYTES = 4096;

/** What can become of an SQLite file while servers have it open; what it can be beforehand is tested elsewhere. */
export const SQLITE_FAULTS: readonly FaultCase<SqliteRig>[] = [
  lockedFor("Another process locks the file for a moment", 100, "value"),
  lockedFor("Another process keeps the file locked", 5000, "store_timeout"),
  {
    name: "The file is deleted",
    begin: deleteFiles,
    end: () => {},
    reads: ["value", "miss"],
    writes: ["value"],
    loses: true,
    leavesFormer: true,
  },
  {
    name: "The folder is deleted",
    begin: ({ folder }) => rmSync(folder, { recursive: true }),
    end: ({ folder }) => mkdirSync(folder, { recursive: true }),
    reads: ["value", "miss"],
    writes: ["value"],
    loses: true,
    leavesFormer: true,
  },
  {
    name: "The file is replaced by a backup",
    begin(rig) {
      const backup = join(rig.folder, "backup.db");
      writeBack(rig);
      copyFileSync(rig.path, backup);
      deleteFiles(rig);
      renameSync(backup, rig.path);
    },
    end: () => {},
    reads: ["value", "miss"],
    writes: ["value"],
    loses: true,
    leavesFormer: true,
  },
  {
    name: "The file is cut short",
    begin(rig) {
      writeBack(rig);
      truncateSync(rig.path, PAGE_BYTES * 20);
    },
    end: deleteFiles,
    reads: ["store_unusable", "value", "miss"],
    writes: ["store_unusable", "value"],
    loses: true,
    leavesFormer: true,
  },
  {
    name: "Pages of the file are damaged",
    begin(rig) {
      writeBack(rig);
      const file = readFileSync(rig.path);
      writeFileSync(rig.path, file.fill(0x5a, PAGE_BYTES * 4));
    },
    end: deleteFiles,
    reads: ["store_unusable", "value", "miss"],
    writes: ["store_unusable", "value"],
    loses: true,
    leavesFormer: true,
  },
];

/** What needs a small file system of its own. */
export const DISK_FULL: FaultCase<SqliteRig> = {
  name: "The disk of the file is full",
  begin({ folder }) {
    const filler = join(folder, "filler");
    writeFileSync(filler, "");
    for (let size = 1 << 20; size >= 1; size >>= 1) while (append(filler, size));
  },
  end: ({ folder }) => rmSync(join(folder, "filler")),
  reads: ["value"],
  writes: ["store_full", "value"], // some still find room in the WAL
};

function append(file: string, size: number): boolean {
  try {
    appendFileSync(file, Buffer.alloc(size));
    return true;
  } catch {
    return false;
  }
}

function lockedFor(name: string, milliseconds: number, outcome: string): FaultCase<SqliteRig> {
  let other: Database | undefined;
  const end = () => {
    other?.close();
    other = undefined;
  };
  return {
    name,
    begin({ open }) {
      other = open();
      other.exec("BEGIN IMMEDIATE");
      setTimeout(end, milliseconds).unref();
    },
    end,
    reads: ["value"],
    writes: [outcome],
  };
}

function deleteFiles({ files }: SqliteRig): void {
  for (const file of files) rmSync(file, { force: true });
}

/** Puts everything into the database itself, which all connections then read anew. */
function writeBack({ open }: SqliteRig): void {
  const other = open();
  other.exec("DELETE FROM cache_entries WHERE rowid = 1");
  other.pragma("wal_checkpoint(TRUNCATE)");
  other.close();
}

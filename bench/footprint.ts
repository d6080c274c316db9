import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Kind } from "./footprint-process.js";
import type { Weighing } from "./measure.js";

const [ENTRIES, FEW_ENTRIES] = [1_000_000, 20_000];
const AIM = 1.5;

/** What small entries take in memory, against a `Map` of the same texts under the same references. */
export async function* footprintContests(isShort: boolean): AsyncGenerator<Weighing, void> {
  const entries = isShort ? FEW_ENTRIES : ENTRIES;
  for (const [kind, what] of [
    ["backend", "backend.set"],
    ["cache", "cache.setMany, without keys"],
    ["keyed", "cache.set, with keys"],
  ] as const) {
    yield {
      what: `${entries.toLocaleString("en")} entries in memory, by ${what}`,
      size: "100 bytes",
      against: "a `Map` of the same texts",
      aim: AIM,
      unit: "bytes",
      weigh: () => weighed(kind, entries),
    };
  }
}

async function weighed(kind: Kind, entries: number) {
  const [ours, ceiling] = [await bytesOf(kind, entries), await bytesOf("map", entries)];
  const ratio = ours / ceiling;
  return { ratio, quartiles: [ratio, ratio] as const, ours, ceiling, rounds: 1 };
}

/** Each in a process of its own, which has held nothing else. */
async function bytesOf(kind: Kind, entries: number): Promise<number> {
  const script = fileURLToPath(new URL("footprint-process.ts", import.meta.url));
  const options = ["--expose-gc", "--max-old-space-size=4096", "--import", "tsx"];
  const { stdout } = await promisify(execFile)(process.execPath, [...options, script, kind, `${entries}`]);
  return Number(stdout);
}

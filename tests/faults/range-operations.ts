import { expect } from "vitest";
import { SYSTEM } from "../../src/index.js";
import { entry } from "../helpers/entries.js";
import { NAMESPACE } from "./cache-operations.js";
import { compare, id, nextSeed, present, raw, read, right, rows, write } from "./operation-kit.js";
import type { Operation, Outcome, Server } from "./operations.js";

/** Makes a list of numbers some 300 KB long, so that its pages are read by ranges. */
const LARGE = 34_000;
const OUTLINE = Uint8Array.from([0, 1, 2, 255, 10, 13]);
const RANGES = [
  { from: 0, to: 20 },
  { from: 200_000, to: 232_000 },
];

/** What is done with parts of large values. */
export async function prepareRanges(server: Server, observer: Server): Promise<Operation[]> {
  return [...(await prepareCached(server, observer)), ...raw(await prepareRaw(server, observer))];
}

async function prepareCached({ cache }: Server, observer: Server): Promise<Operation[]> {
  const [seed, fresh] = [nextSeed(), nextSeed()];
  const as = { actor: SYSTEM, namespace: NAMESPACE };
  const { refId } = await observer.cache.set(`key ${seed}`, rows(seed, LARGE), { namespace: NAMESPACE });
  await expect.poll(async () => (await observer.backend.look(refId))?.outline).toBeDefined();
  return [
    read("get the first page of a large value", 3, async () => {
      const { preview } = await cache.get(refId, { ...as, page: 1, pageSize: 10 });
      return right(preview, rows(seed).slice(0, 10));
    }),
    read("get a page of a large value", 3, async () => {
      const { preview } = await cache.get(refId, { ...as, page: 3000, pageSize: 10 });
      return right(preview, rows(seed, LARGE).slice(29_990, 30_000));
    }),
    read("resolve a large value", 1, async () => right(await cache.resolve(refId, as), rows(seed, LARGE))),
    write(
      "set a large value",
      1,
      () => cache.set(`key ${fresh}`, rows(fresh, LARGE), { namespace: NAMESPACE }),
      async ({ cache }) => {
        const found = await cache.lookup(`key ${fresh}`, as);
        if (found === undefined) return "undone";
        const whole = await cache.resolve(found.refId, as);
        return compare(JSON.stringify(whole), JSON.stringify(rows(fresh, LARGE)));
      },
    ),
  ];
}

async function prepareRaw({ backend }: Server, observer: Server): Promise<Operation[]> {
  const [known, bare] = [nextSeed(), nextSeed()];
  const [value, other] = [known, bare].map((seed) => entry({ value: rows(seed, LARGE) })) as [Large, Large];
  await Promise.all([observer.backend.set(id(known), value), observer.backend.set(id(bare), other)]);
  await observer.backend.keepOutline(id(known), value, OUTLINE);
  const textAt = (await observer.backend.look(id(known)))?.textAt ?? 0;
  return [
    read("backend look", 2, async () => outlineOf(await backend.look(id(known)))),
    read("backend readRanges", 1, async () =>
      bytesOf(await backend.readRanges(id(known), RANGES, textAt), Buffer.from(value.json)),
    ),
    write(
      "backend keepOutline",
      3,
      () => backend.keepOutline(id(bare), other, OUTLINE),
      async ({ backend }) => {
        const seen = await backend.look(id(bare));
        return compare(seen?.outline && String([...seen.outline]), String([...OUTLINE]));
      },
    ),
  ];
}

type Large = ReturnType<typeof entry>;

/** An outline that is missing costs time alone. */
function outlineOf(seen: { outline?: Uint8Array } | undefined): Outcome {
  return present(seen?.outline && [...seen.outline], [...OUTLINE]);
}

/** Fewer bytes than were asked for tell that the text is another one. */
function bytesOf(found: readonly Uint8Array[] | undefined, text: Buffer): Outcome {
  const whole = RANGES.map(({ from, to }) => text.toString("utf8", from, to));
  const isShort = RANGES.some(({ from, to }, n) => found?.[n]?.length !== to - from);
  return isShort
    ? "miss"
    : right(
        found?.map((bytes) => Buffer.from(bytes).toString()),
        whole,
      );
}

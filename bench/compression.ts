import { setTimeout as sleep } from "node:timers/promises";
import type { EncryptionOptions } from "mcp-refcache";
import { RefCache, SYSTEM } from "./built.js";
import { type Contest, inTurn } from "./measure.js";
import { type Pair, pairs } from "./raw.js";
import { LARGE_SIZE, rowsOfSize, type Size, SMALL_SIZES } from "./values.js";

const MEDIUM_SIZE = SMALL_SIZES.at(-1) ?? LARGE_SIZE;
const HUGE_SIZE: Size = { name: "100 MB", characters: 100_000_000 };
const encryption: EncryptionOptions = { keys: { k1: new Uint8Array(32).fill(7) }, current: "k1" };

/** Compressed and encrypted values against the same as they are, in stores out of this process. */
export async function* compressionContests(isShort: boolean): AsyncGenerator<Contest, void> {
  for await (const pair of pairs()) {
    if (pair.name === "memory") continue;
    for (const size of isShort ? [MEDIUM_SIZE] : [MEDIUM_SIZE, LARGE_SIZE]) yield* compressing(pair, size);
    for (const size of isShort ? [] : [LARGE_SIZE, HUGE_SIZE]) yield* encrypting(pair, size);
  }
}

async function* compressing(pair: Pair, size: Size): AsyncGenerator<Contest, void> {
  const { backend } = pair;
  const ours = new RefCache({ name: "bench", backend, compression: true });
  const plain = new RefCache({ name: "bench", backend });
  const value = rowsOfSize(size.characters);
  const { refId } = await ours.set("compressed", value);
  const { refId: plainId, bytes } = await plain.set("plain", value);
  const stored = (await backend.get(refId))?.json.length ?? 0;
  const against = `the same as it is; stored: ${Math.round((stored / (bytes ?? 1)) * 100)} %`;
  const reading = (cache: RefCache, id: string) => inTurn(() => cache.resolve(id, { actor: SYSTEM }));
  const what = (done: string) => `${done} compressed, ${pair.name}`;
  yield {
    ...{ what: what("resolve"), size: size.name, against },
    ours: reading(ours, refId),
    ceiling: reading(plain, plainId),
  };
  if (size === LARGE_SIZE) yield await paging(pair, what("a page of"), size, [ours, refId], [plain, plainId]);
  yield {
    ...{ what: what("set"), size: size.name, against },
    ours: inTurn((n) => ours.set(`key ${n}`, value)),
    ceiling: inTurn((n) => plain.set(`plain ${n}`, value)),
    reset: () => backend.clear(),
  };
}

async function* encrypting(pair: Pair, size: Size): AsyncGenerator<Contest, void> {
  const { backend } = pair;
  const value = rowsOfSize(size.characters);
  const plain = new RefCache({ name: "bench", backend });
  const { refId: plainId } = await plain.set("plain", value);
  for (const compression of [false, true]) {
    const ours = new RefCache({ name: "bench", backend, encryption, compression });
    const { refId } = await ours.set("encrypted", value);
    const what = `a page of encrypted${compression ? " and compressed" : ""}, ${pair.name}`;
    yield await paging(pair, what, size, [ours, refId], [plain, plainId]);
  }
  await backend.clear();
}

type Stored = readonly [cache: RefCache, refId: string];

async function paging(pair: Pair, what: string, size: Size, ours: Stored, plain: Stored): Promise<Contest> {
  for (const [, refId] of [ours, plain]) await outlined(pair, refId);
  const reading = ([cache, refId]: Stored) =>
    inTurn((n) => cache.get(refId, { actor: SYSTEM, page: 100 + (n % 200) }));
  return {
    what,
    size: size.name,
    against: "the same as it is",
    ours: reading(ours),
    ceiling: reading(plain),
  };
}

/** Resolves once parts of a value can be read, which is prepared behind its being stored. */
async function outlined({ backend }: Pair, refId: string): Promise<void> {
  const { look } = backend as unknown as { look(refId: string): Promise<{ outline?: unknown } | undefined> };
  const end = performance.now() + 60_000;
  while ((await look.call(backend, refId))?.outline === undefined) {
    if (performance.now() > end) throw new Error("there is no outline");
    await sleep(20);
  }
}

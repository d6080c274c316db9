import { setImmediate as nextTurn } from "node:timers/promises";
import { type CacheBackend, hasReplace, type ReplaceStore } from "../backends/backend.js";
import { ConfigurationError, DecryptionError, EntryUnreadableError } from "../errors.js";
import type { Logger } from "../logger.js";
import type { Protection } from "./protection.js";

/** Options of a re-encryption. */
export interface ReencryptOptions {
  /** Encrypts entries that are not encrypted as well. Whoever put them there, they count as genuine then. */
  readonly plaintext?: boolean | undefined;
}

/** What became of the entries of a store. Those that ended meanwhile are in no count. */
export interface ReencryptResult {
  /** Written anew under the current key. */
  reencrypted: number;
  /** Under the current key already, or not encrypted and left so. */
  unchanged: number;
  /** Not readable with the keys there are, or damaged; left as they are. */
  failed: number;
}

/** What takes part in a re-encryption. */
export interface Reencryption extends ReencryptOptions {
  readonly backend: CacheBackend;
  readonly protection: Protection;
  readonly logger: Logger;
}

/** What is done at a stretch before others get their turn, in milliseconds. */
const STEP_MS = 10;
/** Entries that are told one by one why they failed; the count tells of the others. */
const MOST_WARNINGS = 20;

/**
 * Writes every entry anew that is not under the current key. May be ended at any time and begun again.
 * @throws {ConfigurationError} when the backend cannot replace entries; {StoreError} when the store fails.
 */
export async function reencryptAll(run: Reencryption): Promise<ReencryptResult> {
  const backend = replacing(run.backend);
  const result: ReencryptResult = { reencrypted: 0, unchanged: 0, failed: 0 };
  let turnEnds = performance.now() + STEP_MS;
  for await (const refId of backend.keys()) {
    const outcome = await reencryptOne(backend, refId, run).catch((error) =>
      failed(error, result, run.logger),
    );
    if (outcome !== "gone") result[outcome]++;
    if (performance.now() < turnEnds) continue;
    await nextTurn();
    turnEnds = performance.now() + STEP_MS;
  }
  return result;
}

function replacing(backend: CacheBackend): CacheBackend & ReplaceStore {
  if (hasReplace(backend)) return backend;
  throw new ConfigurationError(
    "backend",
    "must be able to replace entries (method replace) to re-encrypt them",
  );
}

type Outcome = keyof ReencryptResult | "gone";

/** Between reading and writing, others may delete the entry; then it stays deleted. */
async function reencryptOne(
  backend: CacheBackend & ReplaceStore,
  refId: string,
  { protection, plaintext = false }: Reencryption,
): Promise<Outcome> {
  const stored = await backend.get(refId);
  if (stored === undefined) return "gone";
  const sealed = await protection.reseal(refId, stored, plaintext);
  if (sealed === undefined) return "unchanged";
  return (await backend.replace(refId, sealed)) ? "reencrypted" : "gone";
}

function failed(error: unknown, { failed }: ReencryptResult, logger: Logger): "failed" {
  if (!(error instanceof DecryptionError || error instanceof EntryUnreadableError)) throw error;
  if (failed < MOST_WARNINGS) logger.warn(error.message);
  return "failed";
}

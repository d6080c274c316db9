import { entry, reference } from "../tests/helpers/entries.js";
import { startCluster } from "../tests/helpers/redis-cluster.js";
import { startSentinels } from "../tests/helpers/redis-sentinels.js";
import { RedisBackend } from "./built.js";

/** What `durability` costs a write of 1 KB, on topologies of local processes. */
const ROUNDS = 7;
const WRITES = 300;
const AT_ONCE = 100;
const VALUE = entry({ value: "x".repeat(1000) });

type Backend = InstanceType<typeof RedisBackend>;

const DURABILITIES = ["acknowledged", "replicated"] as const;

for (const [name, start] of Object.entries({ Sentinel: startSentinels, Cluster: startCluster })) {
  const topology = await start();
  const backends = DURABILITIES.map((durability) => new RedisBackend({ url: topology.url, durability }));
  const times = new Map(backends.map((backend) => [backend, [] as number[]]));
  const rates = new Map(backends.map((backend) => [backend, [] as number[]]));
  for (let round = 0; round <= ROUNDS; round++) {
    for (const backend of backends) {
      const [one, many] = [await oneByOne(backend), await together(backend)];
      if (round === 0) continue; // the warm-up
      times.get(backend)?.push(...one);
      rates.get(backend)?.push(many);
    }
  }
  for (const [n, backend] of backends.entries()) {
    const each = times.get(backend) ?? [];
    const rate = Math.round(at(rates.get(backend) ?? [], 0.5));
    console.error(
      `${name}, ${DURABILITIES[n]}: ${at(each, 0.5).toFixed(2)} ms median, ${at(each, 0.99).toFixed(2)} ms p99; ${AT_ONCE} at once: ${rate} a second`,
    );
  }
  await Promise.all(backends.map((backend) => backend.close()));
  await topology.stop();
}

/** Milliseconds each of so many writes takes, one after the other. */
async function oneByOne(backend: Backend): Promise<number[]> {
  const times: number[] = [];
  for (let n = 0; n < WRITES; n++) {
    const start = performance.now();
    await backend.set(reference(n), VALUE);
    times.push(performance.now() - start);
  }
  return times;
}

/** Writes a second, so many at once. */
async function together(backend: Backend): Promise<number> {
  const start = performance.now();
  for (let n = 0; n < WRITES; n += AT_ONCE) {
    await Promise.all(Array.from({ length: AT_ONCE }, (_, m) => backend.set(reference(n + m), VALUE)));
  }
  return (WRITES / (performance.now() - start)) * 1000;
}

function at(numbers: readonly number[], quantile: number): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length * quantile)] ?? Number.NaN;
}

import { MemoryBackend, RefCache, SYSTEM, runAs } from "./dist/index.js";
const kb = Number(process.argv[3] ?? 1);
const rows = Array.from({ length: Math.round(kb * 10.5) }, (_, n) => ({ id: n, name: `name ${n}`, price: n / 3, count: n * 7, text: `the text of row ${n}` }));
const cache = new RefCache({ name: "p", backend: new MemoryBackend() });
const { refId } = await cache.set("k", rows);
const text = JSON.stringify(rows);
console.log(text.length);
const map = new Map([[1, text]]);
const tool = cache.cached("n")(async ({ a }) => rows);
await tool({ a: 1 });
const what = process.argv[2];
const actor = SYSTEM;
const fns = {
  resolve: () => cache.resolve(refId, { actor }),
  set: () => cache.set("k", rows),
  hit: () => tool({ a: 1 }),
  raw: () => JSON.parse(map.get(1)),
  rawset: () => map.set(2, JSON.stringify(rows)),
};
const f = fns[what];
const N = Number(process.argv[4] ?? 20000);
for (let i = 0; i < N / 4; i++) await f();
const t = process.hrtime.bigint();
for (let i = 0; i < N; i++) await f();
console.log(what, Number(process.hrtime.bigint() - t) / N / 1000, "µs");

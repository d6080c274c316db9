import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { TaskCancelledError } from "../../src/errors.js";
import { LazyAbort } from "../../src/tasks/abort.js";
import { TaskQueue } from "../../src/tasks/queue.js";
import { usedHeap } from "../helpers/heap.js";
import { type Gate, gate } from "../helpers/tasks.js";

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe("TaskQueue", () => {
  test("lets so many run, the others in the order in which they came", async () => {
    const queue = new TaskQueue(2, 10);
    const works = Array.from({ length: 5 }, () => gate());
    const begun: number[] = [];
    const runs = works.map(({ promise }, n) =>
      queue.run(async () => {
        begun.push(n);
        return promise;
      }, new LazyAbort()),
    );
    await turn();
    expect([begun, queue.size]).toEqual([[0, 1], { running: 2, waiting: 3 }]);
    works[1]?.open();
    await turn();
    expect(begun).toEqual([0, 1, 2]);
    for (const { open } of works) open();
    await Promise.all(runs);
    expect([begun, queue.size]).toEqual([[0, 1, 2, 3, 4], { running: 0, waiting: 0 }]);
  });

  test("refuses at once what is over the bound, and says how full it is", async () => {
    const queue = new TaskQueue(1, 1);
    const work = gate();
    const runs = [1, 2].map(() => queue.run(() => work.promise, new LazyAbort()));
    await turn();
    expect(() => queue.run(() => work.promise, new LazyAbort())).toThrow(
      expect.objectContaining({ code: "task_refused", message: expect.stringContaining("1 long calls") }),
    );
    work.open();
    await Promise.all(runs);
  });

  test("a failure frees the place", async () => {
    const queue = new TaskQueue(1, 0);
    await expect(queue.run(() => Promise.reject(new Error("no")), new LazyAbort())).rejects.toThrow("no");
    await turn();
    expect(await queue.run(async () => 1, new LazyAbort())).toBe(1);
  });

  test("what was aborted while it ran keeps its place until it returns", async () => {
    const queue = new TaskQueue(1, 1);
    const [work, abort] = [gate(), new LazyAbort()];
    const run = queue.run(() => work.promise, abort);
    await turn();
    const next = queue.run(async () => "next", new LazyAbort());
    abort.abort(new TaskCancelledError());
    await turn();
    expect(queue.size).toEqual({ running: 1, waiting: 1 });
    work.open();
    await run;
    expect(await next).toBe("next");
  });

  test("keeps next to nothing of those who have gone while it was full", async () => {
    const [queue, work] = [new TaskQueue(1, 1), gate()];
    const running = queue.run(() => work.promise, new LazyAbort());
    const gone: WeakRef<LazyAbort>[] = [];
    for (let n = 0; n < 100; n++) {
      const abort = new LazyAbort();
      gone.push(new WeakRef(abort));
      const waiting = queue.run(async () => n, abort);
      abort.abort(new TaskCancelledError());
      await expect(waiting).rejects.toBeInstanceOf(TaskCancelledError);
    }
    expect(queue.size).toEqual({ running: 1, waiting: 0 });
    await usedHeap(); // collects
    expect(gone.filter((abort) => abort.deref() !== undefined).length).toBeLessThan(10);
    work.open();
    await running;
  });

  test("whatever comes, goes and is aborted: never more than may run, all that stay run, in order", async () => {
    const step = fc.oneof(
      fc.constant({ kind: "come" as const }),
      fc.record({ kind: fc.constantFrom("end" as const, "abort" as const), of: fc.nat(20) }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 3 }),
        fc.nat(4),
        fc.array(step, { maxLength: 40 }),
        async (most, waiting, steps) => {
          const queue = new TaskQueue(most, waiting);
          const jobs: { work: Gate<void>; abort: LazyAbort; settled: Promise<unknown> }[] = [];
          const begun: number[] = [];
          const ended = new Set<number>();
          const gone = new Set<number>();
          const come = () => {
            const n = jobs.length;
            const [work, abort] = [gate(), new LazyAbort()];
            const { running, waiting: waits } = queue.size;
            const isFull = running + waits >= most + waiting;
            try {
              const run = queue.run(async () => {
                begun.push(n);
                await work.promise;
                ended.add(n);
              }, abort);
              jobs.push({ work, abort, settled: run.catch(() => {}) });
              expect(isFull).toBe(false);
            } catch (error) {
              if ((error as { code?: string }).code !== "task_refused") throw error;
              expect(isFull).toBe(true);
            }
          };
          for (const action of steps) {
            if (action.kind === "come") come();
            else if (action.kind === "end") jobs[action.of]?.work.open();
            else if (jobs[action.of] !== undefined) {
              if (!begun.includes(action.of)) gone.add(action.of);
              jobs[action.of]?.abort.abort(new TaskCancelledError());
            }
            await turn();
            const running = begun.length - ended.size;
            expect(queue.size.running).toBe(running);
            expect(running).toBeLessThanOrEqual(most);
            expect(queue.size.waiting).toBe(jobs.length - gone.size - begun.length);
            if (queue.size.waiting > 0) expect(running).toBe(most);
          }
          for (const { work } of jobs) work.open();
          await Promise.all(jobs.map(({ settled }) => settled));
          expect(begun).toEqual(jobs.map((_, n) => n).filter((n) => !gone.has(n)));
        },
      ),
      { numRuns: 60 },
    );
  });
});

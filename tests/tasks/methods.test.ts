import ts from "typescript";
import { expect, test } from "vitest";
import { type Answered, RefCache, taskContext } from "../../src/index.js";
import { alice, as, early, gate, poll } from "../helpers/tasks.js";

/** Works in two steps, of which the second waits for the test; deep inside, no context is at hand. */
const work = gate();
const steps: AbortSignal[] = [];
async function inner(): Promise<void> {
  taskContext().progress({ current: 1, total: 2, message: "inner" });
  steps.push(taskContext().signal);
  await work.promise;
}

const cache = new RefCache({ name: "test" });

class Tools {
  readonly factor = 3;

  @cache.cached("n", { asyncTimeout: 50 })
  async standard({ n }: { n: number }): Promise<Answered<number>> {
    await inner();
    return n * this.factor;
  }
}

test("a decorated method becomes a task, and tells its progress by taskContext()", async () => {
  const { standard } = new Tools();
  const answer = early(await as(alice, () => standard({ n: 2 })));
  expect(answer).toMatchObject({
    status: "processing",
    progress: { current: 1, total: 2, message: "inner" },
  });
  expect(early(await as(alice, () => standard({ n: 2 }))).ref_id).toBe(answer.ref_id);
  work.open();
  expect(await poll(cache, answer.ref_id, alice, { wait: "10s" })).toMatchObject({ value: 6 });
  expect(steps).toHaveLength(1);
});

test("so does one that is decorated in the legacy way", async () => {
  const source = `
    class Legacy {
      factor = 4;
      @cache.cached("n", { asyncTimeout: 20 })
      async method({ n }) { await inner(); return n * this.factor; }
    }
    return new Legacy();`;
  const { outputText } = ts.transpileModule(source, {
    compilerOptions: { experimentalDecorators: true, target: ts.ScriptTarget.ES2022 },
  });
  const held = gate();
  const legacy = new Function("cache", "inner", outputText)(cache, async () => {
    taskContext().progress({ current: 5 });
    await held.promise;
  });
  const answer = early(await as(alice, () => legacy.method({ n: 2 })));
  expect(answer.progress).toMatchObject({ current: 5, total: null });
  held.open();
  expect(await poll(cache, answer.ref_id, alice, { wait: "10s" })).toMatchObject({ value: 8 });
});

test("outside any long call, taskContext() hears nobody and is never aborted", async () => {
  expect(() => taskContext().progress({ current: -1 })).not.toThrow();
  expect(taskContext().signal.aborted).toBe(false);
  const plain = cache.cached("n")(async () => taskContext() === outside);
  const outside = taskContext();
  expect(await as(alice, () => plain())).toMatchObject({ value: true });
});

test("progress that is none fails the tool that tells it, by name", async () => {
  const tool = cache.cached("n", { asyncTimeout: "1m" })(async (total: number, { progress }) => {
    progress({ current: 3, total });
  });
  await expect(as(alice, () => tool(2))).rejects.toThrow("progress: current must not be above total");
});

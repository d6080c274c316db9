import { expect, onTestFinished, test } from "vitest";
import { type Entry, MemoryBackend, RefCache, type TaskContext } from "../../src/index.js";
import { asServer } from "../helpers/actors.js";
import { taskIn } from "./task-servers.js";

/** A promise, and what fulfils it. */
function gate(): { readonly passed: Promise<void>; open(): void } {
  let open = () => {};
  const passed = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { passed, open: () => open() };
}

test("a task is cancelled that is complete, while its record does not say so yet", async () => {
  const [asked, mayNote, mayEnd] = [gate(), gate(), gate()];
  class SlowToNote extends MemoryBackend {
    override async changeTask(refId: string, record: Entry, revision: number, lease?: number) {
      if (lease === 0) {
        asked.open();
        await mayNote.passed;
      }
      return super.changeTask(refId, record, revision, lease);
    }
  }
  const cache = new RefCache({ name: "jobs", backend: new SlowToNote() });
  onTestFinished(() => cache.close());
  const tool = cache.cached("jobs", { asyncTimeout: 1 })(async (_: { id: number }, _task: TaskContext) => {
    await mayEnd.passed;
    return "done";
  });
  const refId = taskIn(await tool({ id: 1 }));
  mayEnd.open();
  await asked.passed;
  expect(await cache.cancelTask(refId, asServer)).toMatchObject({ ref_id: refId, status: "complete" });
  mayNote.open();
  expect(await cache.get(refId, { ...asServer, wait: 5000 })).toMatchObject({ ref_id: refId, value: "done" });
});

import { join } from "node:path";
import { setTimeout as sleep, setImmediate as turn } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { SqliteBackend } from "../../src/backends/sqlite/index.js";
import {
  type CacheBackend,
  type Entry,
  MemoryBackend,
  RefCache,
  StoreUnavailableError,
  type TaskContext,
} from "../../src/index.js";
import { asServer } from "../helpers/actors.js";
import { temporaryFolder } from "../helpers/folders.js";
import { recordingLogger } from "../helpers/recording-logger.js";
import { taskIn } from "./task-servers.js";

const SHORTEST_LEASE = 500;

/** A promise, and what fulfils it. */
function gate(): { readonly passed: Promise<void>; open(): void } {
  let open = () => {};
  const passed = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { passed, open: () => open() };
}

/** A server with one tool, which ends when it may. */
function serve(backend: CacheBackend, { idempotent = false } = {}) {
  const [begun, mayEnd] = [gate(), gate()];
  const logger = recordingLogger();
  const cache = new RefCache({ name: "jobs", backend, tasks: { lease: SHORTEST_LEASE }, logger });
  onTestFinished(() => cache.close());
  const run = async ({ id }: { id: number }, _: TaskContext) => {
    begun.open();
    await mayEnd.passed;
    return `done ${id}`;
  };
  const tool = cache.cached("jobs", { name: "tool", asyncTimeout: 1, idempotent })(run);
  return { cache, tool, begun, mayEnd };
}

test("a task is cancelled that is complete, while its record does not say so yet", async () => {
  const [asked, mayNote] = [gate(), gate()];
  class SlowToNote extends MemoryBackend {
    override async changeTask(refId: string, record: Entry, revision: number, lease?: number) {
      if (lease === 0) {
        asked.open();
        await mayNote.passed;
      }
      return super.changeTask(refId, record, revision, lease);
    }
  }
  const { cache, tool, mayEnd } = serve(new SlowToNote());
  const refId = taskIn(await tool({ id: 1 }));
  mayEnd.open();
  await asked.passed;
  expect(await cache.cancelTask(refId, asServer)).toMatchObject({ ref_id: refId, status: "complete" });
  mayNote.open();
  expect(await cache.get(refId, { ...asServer, wait: 5000 })).toMatchObject({ value: "done 1" });
});

test("a result stays whose end was noted without the store's saying so", async () => {
  let failures = 0;
  class LosesReply extends MemoryBackend {
    override async changeTask(refId: string, record: Entry, revision: number, lease?: number) {
      const isChanged = await super.changeTask(refId, record, revision, lease);
      if (lease === 0 && failures++ === 0) throw new StoreUnavailableError("no reply");
      return isChanged;
    }
  }
  const { cache, tool, mayEnd } = serve(new LosesReply());
  const refId = taskIn(await tool({ id: 1 }));
  mayEnd.open();
  await expect.poll(() => failures).toBe(2);
  await turn(); // it learns that its end was noted
  expect(await cache.get(refId, { ...asServer })).toMatchObject({ value: "done 1" });
});

/** A store that keeps a server waiting for so long, when it stores its result, that others give up its task. */
class SlowToStore extends SqliteBackend {
  readonly mayStore = gate();
  readonly isStoring = gate();

  override async setLeased(...args: Parameters<SqliteBackend["setLeased"]>) {
    this.isStoring.open();
    await this.mayStore.passed;
    return super.setLeased(...args);
  }

  /** The lease ends, and the server does not know. */
  override async renewTask() {
    return true;
  }
}

/** A task of a server that stores late, on a file which another server is on, too. */
async function lateTask(options: { readonly idempotent?: boolean }) {
  const path = join(temporaryFolder(), "cache.db");
  const slow = new SlowToStore(path);
  const late = serve(slow, options);
  const again = serve(new SqliteBackend(path), options);
  const refId = taskIn(await late.tool({ id: 1 }));
  late.mayEnd.open();
  await slow.isStoring.passed;
  return { refId, slow, late: late.cache, other: again.cache, again };
}

const POLL = { ...asServer, wait: 10_000, responseFormat: "full" } as const;
const INTERRUPTED = { status: "failed", error: { code: "interrupted" } };

test("what others have given up is so for the server that comes too late, too", async () => {
  const { refId, slow, late, other } = await lateTask({});
  expect(await other.get(refId, POLL)).toMatchObject(INTERRUPTED);
  slow.mayStore.open();
  await expect.poll(() => late.get(refId, POLL).catch(() => {})).toMatchObject(INTERRUPTED);
  expect(await other.exists(refId, asServer)).toBe(false);
  expect(await other.get(refId, POLL)).toMatchObject(INTERRUPTED);
});

test("a server that comes too late does not remove the result of the one that has taken over", async () => {
  const { refId, slow, late, other, again } = await lateTask({ idempotent: true });
  await again.begun.passed;
  slow.mayStore.open();
  await late.close();
  expect(await other.exists(refId, asServer)).toBe(true);
  again.mayEnd.open();
  expect(await other.get(refId, POLL)).toMatchObject({ ref_id: refId, value: "done 1" });
});

test("a result is found by equal calls, even if they have taken the lease of its name while they waited", async () => {
  class LosesLeases extends SqliteBackend {
    override async renewLease() {
      return false;
    }
  }
  const path = join(temporaryFolder(), "cache.db");
  const first = serve(new LosesLeases(path));
  const other = serve(new SqliteBackend(path));
  const refId = taskIn(await first.tool({ id: 1 }));
  await sleep(SHORTEST_LEASE + 50);
  expect(taskIn(await other.tool({ id: 1 }))).toBe(refId);
  first.mayEnd.open();
  const found = { ref_id: refId, value: "done 1" };
  expect(await other.cache.get(refId, POLL)).toMatchObject(found);
  for (const { tool } of [first, other]) expect(await tool({ id: 1 })).toMatchObject(found);
});

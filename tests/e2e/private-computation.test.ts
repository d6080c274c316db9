import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { connectUsers } from "../../examples/private-computation/connect.js";
import { SALARIES } from "../../examples/private-computation/payroll.js";
import { type Step, type Users, walk } from "../../examples/private-computation/walk.js";
import { SqliteBackend } from "../../src/backends/sqlite/index.js";
import { RefCache } from "../../src/index.js";
import { asServer } from "../helpers/actors.js";
import { NodeProcess } from "../helpers/processes.js";
import { freePort } from "../helpers/redis-server.js";
import { callRaw } from "./behaviour.js";
import { connectRecorded, Recording } from "./recording.js";

const MEAN = "65468.83";
const UNAVAILABLE = /^(MCP error -32603: )?This reference is unknown, expired, or not available to you\./;

/** What each call comes to; a salary in no case. */
const EXPECTED: Readonly<Record<keyof Users, Readonly<Record<string, RegExp>>>> = {
  alice: {
    find_payroll: /^vault:[a-f0-9]{32}$/,
    mean_salary: /"value":65468\.83\}$|^That is no payroll of yours\.$/,
    get_cached_result: UNAVAILABLE,
    read: UNAVAILABLE,
    echo: /"message":"You may not see this value\./,
    first: /"message":"You may not see this value\./,
    complain: /^The tool failed after it used a value that you may not see/,
    mutter: /"message":"You may not see this value\./,
    peek: /^The tool used a value that you may not see, so what it returned is withheld/,
  },
  bob: {
    find_payroll: /^There is no payroll for you\.$/,
    mean_salary: /^That is no payroll of yours\.$/,
    get_cached_result: UNAVAILABLE,
    read: UNAVAILABLE,
    first: UNAVAILABLE,
    peek: UNAVAILABLE,
  },
};

/** Every way in which a salary might be written. */
function expectNoSalary(text: string): void {
  const forms = SALARIES.flatMap((salary) => [
    String(salary),
    salary.toLocaleString("en"),
    salary.toLocaleString("de"),
  ]);
  expect(forms.filter((form) => text.includes(form))).toEqual([]);
}

/** What holds over any transport. The servers' store is `dbPath`. */
function keepsSalaries(running: () => { users: Users; recording: Recording; dbPath: string }): void {
  const steps: Step[] = [];

  test("the mean is shown; nothing else that is tried shows a salary", async () => {
    const { users, recording } = running();
    for await (const step of walk(users)) {
      steps.push(step);
      expect(step.text, `${step.user} ${step.call}`).toMatch(EXPECTED[step.user][step.call] ?? /never/);
    }
    expect(steps.filter(({ text }) => text.includes(MEAN))).toEqual([steps[1]]);
    expect(recording.text).toContain(MEAN); // what crosses is being looked at
    expect(recording.text).toContain('"method":"notifications/progress"'); // what is sent meanwhile as well
    expectNoSalary(recording.text);
  });

  test("nor do longer ways: over both servers, by pages, in full, again, at once", async () => {
    const { users, recording } = running();
    const { vault, analyst } = users.alice;
    const payroll = steps[0]?.text;
    const echoed = (await callRaw(vault, "echo", { value: { nested: [payroll] } })).structuredContent?.ref_id;
    const again = (await callRaw(analyst, "echo", { value: [echoed, 1] })).structuredContent?.ref_id;
    const tries = [payroll, echoed, again].flatMap((ref_id) =>
      [vault, analyst, users.bob.vault, users.bob.analyst].flatMap((client) => [
        callRaw(client, "get_cached_result", { ref_id, page: 1, page_size: 1 }),
        callRaw(client, "get_cached_result", { ref_id, full: true, max_size: 5000 }),
        callRaw(client, "complain", { list: ref_id }),
        callRaw(client, "peek", { ref_id }),
        client.readResource({ uri: `refcache://${ref_id}?page=1&page_size=1` }).catch(recording.add),
      ]),
    );
    const results = await Promise.all(tries);
    expect(results.filter((result) => result !== undefined)).toHaveLength(3 * 4 * 4); // no resource was read
    for (const result of results) expect(result ?? { isError: true }).toMatchObject({ isError: true });
    expectNoSalary(JSON.stringify(results));
    expectNoSalary(recording.text);
  });

  test("bob does not get alice's mean either", async () => {
    const { users } = running();
    const { ref_id } = JSON.parse(steps[1]?.text ?? "");
    for (const client of [users.bob.vault, users.bob.analyst]) {
      const result = await callRaw(client, "get_cached_result", { ref_id });
      expect(result).toMatchObject({ isError: true });
      expect(JSON.stringify(result)).not.toContain(MEAN);
    }
  });

  test("the salaries were there all the time", async () => {
    const cache = new RefCache({ name: "test", backend: new SqliteBackend(running().dbPath) });
    expect(await cache.resolve(steps[0]?.text ?? "", asServer)).toEqual(SALARIES);
    await cache.close();
  });
}

describe("over stdio", () => {
  const folder = mkdtempSync(join(tmpdir(), "refcache-private-"));
  const dbPath = join(folder, "cache.db");
  const recording = new Recording();
  let users: Awaited<ReturnType<typeof connectUsers>>;

  beforeAll(async () => {
    users = await connectUsers(dbPath, (transport) => {
      recording.watch(transport);
      transport.stderr?.on("data", recording.add);
    });
  });

  afterAll(async () => {
    await users.close();
    expectNoSalary(recording.text);
    expect(recording.text).toMatch(/\[mcp-refcache\] complain failed after it used values/); // the log as well
    rmSync(folder, { recursive: true, force: true });
  });

  keepsSalaries(() => ({ users, recording, dbPath }));
});

describe("over HTTP", () => {
  const folder = mkdtempSync(join(tmpdir(), "refcache-private-"));
  const dbPath = join(folder, "cache.db");
  const recording = new Recording();
  const servers: NodeProcess[] = [];
  let users: Users;
  let port: number;

  async function start(name: string): Promise<number> {
    const port = await freePort();
    const env = { MCP_REFCACHE_DB_PATH: dbPath, TOKENS: "a-token:alice,b-token:bob", PORT: `${port}` };
    const server = new NodeProcess("examples/private-computation/main.ts", [name], env);
    servers.push(server);
    await server.wrote("listens on");
    return port;
  }

  beforeAll(async () => {
    const [vault, analyst] = [await start("vault"), await start("analyst")];
    port = analyst;
    const clients = async (token: string) => ({
      vault: await connectRecorded(vault, token, recording),
      analyst: await connectRecorded(analyst, token, recording),
    });
    users = { alice: await clients("a-token"), bob: await clients("b-token") };
  });

  afterAll(async () => {
    await Promise.all(Object.values(users).flatMap(({ vault, analyst }) => [vault.close(), analyst.close()]));
    for (const server of servers) {
      expect(await server.stop()).toMatchObject({ code: 0, signal: null });
      expectNoSalary(server.output);
      expect(server.output).toMatch(/complain failed after it used values/);
    }
    rmSync(folder, { recursive: true, force: true });
  });

  keepsSalaries(() => ({ users, recording, dbPath }));

  test.each([
    [401, {}],
    [401, { authorization: "Bearer c-token" }],
    [401, { authorization: "a-token" }],
    [403, { authorization: "Bearer a-token", origin: "https://evil.example" }],
  ])("nobody else gets in: %i for %j", async (status, headers) => {
    const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list", params: {} });
    const common = { accept: "application/json, text/event-stream", "content-type": "application/json" };
    const sent = { method: "POST", headers: { ...common, ...headers }, body };
    expect(await fetch(`http://127.0.0.1:${port}/mcp`, sent)).toMatchObject({ status });
  });
});

test("the demo ends with 0, says that no salary was printed, and leaves nothing behind", async () => {
  const { scripts } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  expect(scripts["demo:private"]).toMatch(/tsx examples\/private-computation\/demo\.ts$/);
  const folder = mkdtempSync(join(tmpdir(), "refcache-private-"));
  const { code, output } = await new NodeProcess("examples/private-computation/demo.ts", [], {
    TMPDIR: folder,
  }).end();
  expect(code, output).toBe(0);
  expect(output).toContain("alice › analyst › mean_salary");
  expect(output).toContain(`"value":${MEAN}`);
  expect(output).toMatch(/0 of 8 salaries were printed above/);
  expectNoSalary(output);
  expect(readdirSync(folder).filter((name) => name.startsWith("refcache-"))).toEqual([]);
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { connectAnalyser } from "../../examples/long-running/connect.js";
import { NodeProcess } from "../helpers/processes.js";
import { freePort, type RedisServer, startRedis } from "../helpers/redis-server.js";

/** How the example runs. */
export interface Form {
  readonly transport: "stdio" | "http";
  readonly store: "sqlite" | "redis";
  readonly workers: boolean;
}

/** One server of the example, and a client of it. */
interface Server {
  readonly client: Client;
  kill(): Promise<unknown>;
  stop(): Promise<unknown>;
}

/** The example's servers, and its workers where it has some, as processes on a store of their own. */
export class Analysers {
  readonly #workers: NodeProcess[] = [];
  readonly #servers: Server[] = [];
  readonly #folder = mkdtempSync(join(tmpdir(), "refcache-e2e-"));
  readonly #env: Readonly<Record<string, string>>;

  private constructor(
    readonly form: Form,
    readonly args: readonly string[],
    readonly redis: RedisServer | undefined,
  ) {
    this.#env = redis ? { REDIS_URL: redis.url } : { MCP_REFCACHE_DB_PATH: join(this.#folder, "cache.db") };
  }

  /** Starts two servers, and a worker where they need one. */
  static async start(form: Form, args: readonly string[]): Promise<Analysers> {
    const redis = form.store === "redis" ? await startRedis() : undefined;
    const started = new Analysers(form, args, redis);
    if (form.workers) await started.#startWorker();
    started.#servers.push(...(await Promise.all([started.#startServer(), started.#startServer()])));
    return started;
  }

  get first(): Client {
    return this.#client(0);
  }

  get second(): Client {
    return this.#client(1);
  }

  /** Kills the process that performs the tasks of the first server; there is another to go on. */
  async strike(): Promise<void> {
    if (!this.form.workers) return void (await this.#servers[0]?.kill());
    await this.#workers[0]?.stop("SIGKILL");
    await this.#startWorker();
  }

  async stop(): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.stop()));
    await Promise.all(this.#workers.map((worker) => worker.stop("SIGKILL")));
    await this.redis?.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #client(n: number): Client {
    const server = this.#servers[n];
    if (server === undefined) throw new Error("The servers do not run.");
    return server.client;
  }

  async #startWorker(): Promise<void> {
    const worker = new NodeProcess("examples/long-running/worker.ts", this.args, this.#env);
    this.#workers.push(worker);
    await worker.wrote("a worker has started");
  }

  async #startServer(): Promise<Server> {
    const { transport, store, workers } = this.form;
    const args = [...this.args, ...(workers ? ["--workers"] : ["--backend", store])];
    if (transport === "http") return startHttp(args, this.#env);
    const { client, kill } = await connectAnalyser(args, this.#env);
    return { client, kill, stop: () => client.close() };
  }
}

async function startHttp(args: readonly string[], env: Readonly<Record<string, string>>): Promise<Server> {
  const port = await freePort();
  const where = ["--transport", "http", "--port", `${port}`];
  const process = new NodeProcess("examples/long-running/server.ts", [...where, ...args], env);
  await process.wrote("listens on");
  const client = new Client({ name: "e2e", version: "1.0.0" });
  await client.connect(new StreamableHTTPClientTransport(new URL(`http://127.0.0.1:${port}/mcp`)) as never);
  const kill = () => process.stop("SIGKILL");
  return { client, kill, stop: () => client.close().then(kill) };
}

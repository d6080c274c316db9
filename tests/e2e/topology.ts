import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { expect } from "vitest";
import type { Clients } from "../../examples/embedded/walk.js";
import { NodeProcess } from "../helpers/processes.js";
import { freePort, type RedisServer, startRedis } from "../helpers/redis-server.js";
import { environmentOf, readCompose } from "./compose.js";

type ServerName = keyof Clients;

const PASSWORD = "e2e-Passw0rd";
const { services } = readCompose();

/** One of the servers as compose.yaml runs it, as a process on a free port of 127.0.0.1. */
class HttpServer {
  readonly #process: NodeProcess;
  readonly #clients: Client[] = [];

  private constructor(
    readonly port: number,
    process: NodeProcess,
  ) {
    this.#process = process;
  }

  /** Starts a server and waits until it says that it listens, and is healthy. */
  static async start(name: ServerName, port: number, env: Record<string, string>): Promise<HttpServer> {
    const { command } = services[name];
    const args = [...command, "--host", "127.0.0.1", "--port", `${port}`]; // the last of each counts
    const server = new HttpServer(port, new NodeProcess("examples/servers/main.ts", args, env));
    await server.#process.wrote(`listens on http://127.0.0.1:${port}/mcp`);
    const health = await fetch(`http://127.0.0.1:${port}/health`);
    expect(health.ok).toBe(true);
    return server;
  }

  /** What the process wrote so far. */
  get output(): string {
    return this.#process.output;
  }

  /** A new client of this server. */
  async connect(): Promise<Client> {
    const client = new Client({ name: "e2e", version: "1.0.0" });
    const url = new URL(`http://127.0.0.1:${this.port}/mcp`);
    await client.connect(new StreamableHTTPClientTransport(url));
    this.#clients.push(client);
    return client;
  }

  /** Stops the process as Docker does, with its clients still connected. */
  async stop(): Promise<{ code: number | null; signal: string | null }> {
    const { code, signal } = await this.#process.stop("SIGTERM");
    await Promise.all(this.#clients.map((client) => client.close()));
    return { code, signal };
  }
}

/** What compose.yaml describes, without Docker: a store with a password that persists, and both servers. */
export class Topology {
  readonly #servers = new Map<ServerName, HttpServer>();
  #clients: Clients | undefined;

  private constructor(readonly redis: RedisServer) {}

  /** Starts the store, then both servers. */
  static async start(): Promise<Topology> {
    const topology = new Topology(await startRedis({ password: PASSWORD, persist: true }));
    await Promise.all([topology.#startOwn("calculator"), topology.#startOwn("analyst")]);
    topology.#clients = await topology.connect();
    return topology;
  }

  /** A client for each server, connected. */
  get clients(): Clients {
    if (this.#clients === undefined) throw new Error("The topology is not running.");
    return this.#clients;
  }

  /** New clients for both servers. */
  async connect(): Promise<Clients> {
    const [calculator, analyst] = await Promise.all([
      this.#server("calculator").connect(),
      this.#server("analyst").connect(),
    ]);
    return { calculator, analyst };
  }

  /** Starts one more server in the environment that compose gives it, on a port of its own. */
  async startServer(name: ServerName, more: Record<string, string> = {}, port?: number): Promise<HttpServer> {
    const composed = environmentOf(services[name], { VALKEY_PASSWORD: PASSWORD });
    const here = { REDIS_HOST: this.redis.host, REDIS_PORT: `${this.redis.port}` };
    return HttpServer.start(name, port ?? (await freePort()), { ...composed, ...here, ...more });
  }

  /** Stops a server and starts it again on its port. */
  async restart(name: ServerName): Promise<void> {
    const server = this.#server(name);
    expect(await server.stop()).toEqual({ code: 0, signal: null });
    await this.#startOwn(name, server.port);
    this.#clients = { ...this.clients, [name]: await this.#server(name).connect() };
  }

  /** Stops both servers, then the store; tells how the servers ended. */
  async stop(): Promise<{ name: ServerName; code: number | null; signal: string | null }[]> {
    const servers = [...this.#servers].sort(([a], [b]) => b.localeCompare(a));
    const ended = await Promise.all(
      servers.map(async ([name, server]) => ({ name, ...(await server.stop()) })),
    );
    this.#servers.clear();
    await this.redis.stop();
    return ended;
  }

  /** Ends what a failed test left running. */
  async abandon(): Promise<void> {
    await Promise.allSettled([...this.#servers.values()].map((server) => server.stop()));
    await this.redis.stop();
  }

  async #startOwn(name: ServerName, port?: number): Promise<void> {
    this.#servers.set(name, await this.startServer(name, {}, port));
  }

  #server(name: ServerName): HttpServer {
    const server = this.#servers.get(name);
    if (server === undefined) throw new Error(`${name} is not running.`);
    return server;
  }
}

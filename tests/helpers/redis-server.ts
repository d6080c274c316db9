import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** What a server may be started with. */
export interface RedisServerOptions {
  /** Password of the default user. */
  password?: string;
  /** Keeps what is stored over a restart (append-only file, synced at every write). */
  persist?: boolean;
  /** Lines of the configuration, such as `["maxmemory", "3mb"]` or `["user", "app", "on", ">secret", "~*", "+get"]`. */
  config?: string[][];
  /** A sentinel in place of a store; it writes its own configuration. */
  sentinel?: boolean;
  /** PEM files of a server that speaks TLS alone. */
  tls?: { ca: string; cert: string; key: string };
}

/** Tells whether there is a server on the PATH to start. */
export function hasRedisBinary(): boolean {
  return findBinary() !== undefined;
}

function findBinary(): string | undefined {
  const folders = (process.env.PATH ?? "").split(delimiter);
  return ["valkey-server", "redis-server"].find((name) =>
    folders.some((folder) => existsSync(join(folder, name))),
  );
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}

const running = new Set<RedisServer>();
process.once("exit", () => {
  for (const server of running) server.abandon();
});

/** A real server of a test's own, on 127.0.0.1. */
export class RedisServer {
  readonly host = "127.0.0.1";
  readonly #folder = mkdtempSync(join(tmpdir(), "refcache-redis-"));
  #child: ChildProcess | undefined;
  #output = "";

  constructor(
    readonly port: number,
    readonly options: RedisServerOptions,
  ) {}

  /** The URL with the password, if there is one. */
  get url(): string {
    const { password, tls } = this.options;
    const credentials = password === undefined ? "" : `:${encodeURIComponent(password)}@`;
    return `${tls ? "rediss" : "redis"}://${credentials}${this.host}:${this.port}`;
  }

  /** The process, for those who want to look at it. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Starts the process and waits for its first answer. */
  async start(): Promise<this> {
    const binary = findBinary();
    if (binary === undefined) throw new Error("No Redis server on the PATH: node scripts/ensure-redis.mjs");
    const child = spawn(binary, this.#arguments(), { stdio: ["ignore", "pipe", "pipe"] });
    this.#child = child;
    this.#output = "";
    running.add(this);
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (text) => {
        this.#output += text;
      });
    }
    for (let waited = 0; waited < 10_000; waited += 20) {
      if (child.exitCode !== null) throw new Error(`Redis did not start:\n${this.#output}`);
      if (await this.#answers()) return this;
      await sleep(20);
    }
    throw new Error(`Redis did not answer within 10 s:\n${this.#output}`);
  }

  /** Ends the process in good order and removes its files. */
  async stop(): Promise<void> {
    this.thaw();
    await this.#end("SIGTERM");
    running.delete(this);
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Ends the process as a crash would. Its files stay. */
  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  /** Starts again on the same port, ending the process first if it still runs. */
  async restart(): Promise<void> {
    await this.#end("SIGTERM");
    await this.start();
  }

  /** Stops the process from doing anything; its connections stay open. */
  freeze(): void {
    this.#child?.kill("SIGSTOP");
  }

  /** Lets a frozen process go on. */
  thaw(): void {
    this.#child?.kill("SIGCONT");
  }

  /** Ends the process without waiting, for when this one ends. */
  abandon(): void {
    this.#child?.kill("SIGKILL");
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #end(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill(signal);
    const timer = setTimeout(() => child.kill("SIGKILL"), 5000);
    await ended;
    clearTimeout(timer);
  }

  #arguments(): string[] {
    return this.options.sentinel ? this.#sentinelArguments() : this.#storeArguments();
  }

  /** A file, which a sentinel demands; it is kept over a restart, as the sentinel has written it. */
  #sentinelArguments(): string[] {
    const file = join(this.#folder, "sentinel.conf");
    const lines = [...this.#address(), ...(this.options.config ?? [])];
    if (!existsSync(file)) writeFileSync(file, lines.map((line) => line.join(" ")).join("\n"));
    return [file, "--sentinel"];
  }

  #storeArguments(): string[] {
    const { password, persist, config = [] } = this.options;
    const saving = persist
      ? [
          ["appendonly", "yes"],
          ["appendfsync", "always"],
        ]
      : [["appendonly", "no"]];
    const secret = password === undefined ? [] : [["requirepass", password]];
    const lines = [...this.#address(), ["save", ""], ...saving, ...secret, ...config];
    return lines.flatMap(([name, ...values]) => [`--${name}`, ...values]);
  }

  #address(): string[][] {
    const { tls } = this.options;
    const place = [
      ["bind", this.host],
      ["dir", this.#folder],
    ];
    if (tls === undefined) return [["port", `${this.port}`], ...place];
    return [
      ["port", "0"],
      ["tls-port", `${this.port}`],
      ["tls-auth-clients", "no"],
      ["tls-replication", "yes"],
      ["tls-ca-cert-file", tls.ca],
      ["tls-cert-file", tls.cert],
      ["tls-key-file", tls.key],
      ...place,
    ];
  }

  /** Any reply counts, a demand for a password too; not one that says the data is being loaded. */
  #answers(): Promise<boolean> {
    if (this.options.tls)
      return Promise.resolve(/Ready to accept connections|Sentinel ID is/.test(this.#output));
    return new Promise((resolve) => {
      const socket = connect(this.port, this.host, () => socket.write("PING\r\n"));
      socket.setTimeout(500, () => socket.destroy());
      socket.once("data", (reply) => {
        resolve(/^(\+PONG|-NOAUTH)/.test(reply.toString()));
        socket.destroy();
      });
      socket.on("error", () => {});
      socket.once("close", () => resolve(false));
    });
  }
}

/**
 * Starts a server on a free port: `const redis = await startRedis({ password: "secret" })`, `redis.url`. End it
 * by `redis.stop()`; if the test process ends first, the server ends with it.
 */
export async function startRedis(options: RedisServerOptions = {}): Promise<RedisServer> {
  for (let attempt = 1; ; attempt++) {
    const server = new RedisServer(await freePort(), options);
    try {
      return await server.start();
    } catch (error) {
      await server.stop();
      // Somebody else may have taken the port meanwhile.
      if (attempt === 3 || !String(error).includes("in use")) throw error;
    }
  }
}

/** A server that tests only store in, and empty: the one `REDIS_URL` names, or else one of their own. */
export async function storeForTests(): Promise<{ url: string; stop(): Promise<void> }> {
  const url = process.env.REDIS_URL;
  return url ? { url, stop: async () => {} } : startRedis();
}

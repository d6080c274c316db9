import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";

/** What a proxy does with what comes along, in place of passing it on. */
export interface Fault {
  /** What it does with a new connection; `false` leaves it without one to the server. */
  onConnection?(client: Socket): boolean;
  /** What it does with bytes from the client. */
  onRequest?(link: Link, bytes: Buffer): void;
  /** What it does with bytes from the server. */
  onReply?(link: Link, bytes: Buffer): void;
}

const NO_FAULT: Fault = {};

function pass(socket: Socket, bytes: Buffer): void {
  if (!socket.writableEnded) socket.write(bytes);
}

/** One connection through a proxy: a client's socket, and the one to the server in its behalf. */
export class Link {
  readonly #client: Socket;
  readonly #server: Socket;
  readonly #timers = new Set<NodeJS.Timeout>();
  #held: (() => void)[] = [];
  #isOver = false;
  /** Pieces of bytes that came from the client, the first being its greeting. */
  requests = 0;
  /** Pieces of bytes that came from the server. */
  replies = 0;

  constructor(client: Socket, server: Socket) {
    this.#client = client;
    this.#server = server;
  }

  /** Passes bytes on to the server. */
  toServer(bytes: Buffer): void {
    pass(this.#server, bytes);
  }

  /** Passes bytes on to the client. */
  toClient(bytes: Buffer): void {
    pass(this.#client, bytes);
  }

  /** Ends both sides in good order, as a process that ends does. */
  cut(): void {
    this.#client.destroySoon();
    this.#server.destroySoon();
  }

  /** Ends both sides by RST. */
  reset(): void {
    this.#client.resetAndDestroy();
    this.#server.resetAndDestroy();
  }

  /** Ends the way to the client; what it sends still arrives at the server. */
  halfClose(): void {
    this.#client.end();
  }

  /** Does something in so many milliseconds, unless the connection has ended by then. */
  later(milliseconds: number, action: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      action();
    }, milliseconds);
    this.#timers.add(timer);
  }

  /** Does something once the fault is over, in the order of the calls, as a network delivers what it could not. */
  hold(action: () => void): void {
    this.#held.push(action);
  }

  /** Does something in so many milliseconds, or once the fault is over, before what comes then. */
  delay(milliseconds: number, action: () => void): void {
    let isDone = false;
    const once = () => {
      if (!isDone) action();
      isDone = true;
    };
    this.hold(once);
    this.later(milliseconds, once);
  }

  /** Does what was held. */
  release(): void {
    for (const action of this.#held.splice(0)) action();
    if (this.#isOver) this.cut();
  }

  /** To be called when a side has ended. What is held arrives even so. */
  end(): void {
    this.#isOver = true;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    if (this.#held.length === 0) this.cut();
  }
}

/**
 * Stands on 127.0.0.1 before a server and passes bytes both ways, until it is told to fail.
 * @example
 * const proxy = await FaultProxy.before(redis.port);
 * proxy.fail(cutMidReply());   // for connections that are open, and for new ones
 * proxy.heal();
 * await proxy.close();
 */
export class FaultProxy {
  readonly #target: number;
  readonly #links = new Set<Link>();
  readonly #clients = new Set<Socket>();
  #listener: Server | undefined;
  #fault = NO_FAULT;
  #accepted = 0;
  #port = 0;

  private constructor(target: number) {
    this.#target = target;
  }

  /** Starts one before the server at a port of 127.0.0.1. */
  static async before(target: number): Promise<FaultProxy> {
    const proxy = new FaultProxy(target);
    await proxy.#listen();
    return proxy;
  }

  /** Where clients connect to. */
  get port(): number {
    return this.#port;
  }

  /** Connections of clients that are open. */
  get connections(): number {
    return this.#clients.size;
  }

  /** Connections of clients so far. */
  get accepted(): number {
    return this.#accepted;
  }

  /** Fails from now on, on connections that are open and on new ones. */
  fail(fault: Fault): void {
    this.#fault = fault;
  }

  /** Passes everything on from now on, first what was held. */
  heal(): void {
    this.#fault = NO_FAULT;
    for (const link of this.#links) link.release();
  }

  /** Cuts the connections there are. */
  cutAll(): void {
    for (const client of this.#clients) client.destroy();
  }

  /** Refuses connections, and cuts those there are. */
  async refuse(): Promise<void> {
    const listener = this.#listener;
    this.#listener = undefined;
    this.cutAll();
    if (listener === undefined) return;
    listener.close();
    await once(listener, "close");
  }

  /** Takes connections again. */
  async accept(): Promise<void> {
    if (this.#listener === undefined) await this.#listen();
  }

  /** Ends everything. */
  async close(): Promise<void> {
    await this.refuse();
    this.heal();
  }

  async #listen(): Promise<void> {
    const listener = createServer({ allowHalfOpen: true }, (client) => this.#onConnection(client));
    listener.listen(this.#port, "127.0.0.1");
    await once(listener, "listening");
    this.#port = (listener.address() as { port: number }).port;
    this.#listener = listener;
  }

  #onConnection(client: Socket): void {
    this.#accepted++;
    this.#clients.add(client);
    client.on("error", () => {}).on("close", () => this.#clients.delete(client));
    if (this.#fault.onConnection?.(client) === false) {
      // Unread bytes would keep the end of the connection from being seen.
      client.resume().on("end", () => client.destroy());
      return;
    }
    this.#join(client, connect({ port: this.#target, host: "127.0.0.1", allowHalfOpen: true }));
  }

  #join(client: Socket, server: Socket): void {
    const link = new Link(client, server);
    this.#links.add(link);
    client.on("data", (bytes: Buffer) => {
      link.requests++;
      if (this.#fault.onRequest) this.#fault.onRequest(link, bytes);
      else link.toServer(bytes);
    });
    server.on("data", (bytes: Buffer) => {
      link.replies++;
      if (this.#fault.onReply) this.#fault.onReply(link, bytes);
      else link.toClient(bytes);
    });
    for (const socket of [client, server]) {
      socket.on("error", () => {}).on("end", () => link.end());
      socket.on("close", () => link.end());
    }
    client.on("end", () => client.destroySoon());
    server.on("close", () => this.#links.delete(link));
  }
}

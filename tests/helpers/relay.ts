import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";

/** Passes bytes between clients and a server on 127.0.0.1, and can make it silent for some of the connections. */
export class Relay {
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;
  /** What a connection must have said to be cut off from the server's words; the connection stays open. */
  silenced: string | undefined;

  private constructor(target: number) {
    this.#server = createServer((client) => this.#join(client, connect(target, "127.0.0.1")));
  }

  static async before(target: number): Promise<Relay> {
    const relay = new Relay(target);
    relay.#server.listen(0, "127.0.0.1");
    await once(relay.#server, "listening");
    return relay;
  }

  get url(): string {
    return `redis://127.0.0.1:${(this.#server.address() as { port: number }).port}`;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }

  #join(client: Socket, server: Socket): void {
    let said = "";
    client.on("data", (bytes) => {
      said += bytes.toString("latin1");
      server.write(bytes);
    });
    server.on("data", (bytes) => {
      if (this.silenced === undefined || !said.includes(this.silenced)) client.write(bytes);
    });
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(one);
      one.on("error", () => {});
      one.on("close", () => {
        this.#sockets.delete(one);
        other.destroy();
      });
    }
  }
}

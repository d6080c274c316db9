import { randomUUID } from "node:crypto";

/** What a server answered, as it came over the socket. */
export interface RawAnswer {
  readonly status: number;
  /** The whole body. */
  readonly text: string;
  /** The result of a tool or a resource read, where there is one. */
  readonly result: RawResult | undefined;
}

/** As much of a result as tests look at. */
export interface RawResult {
  readonly isError?: boolean;
  readonly content?: { readonly text?: string }[];
  readonly structuredContent?: { readonly ref_id?: string; readonly value?: unknown };
}

/** A caller over HTTP that may lie about its session, as no client of the SDK can. */
export class RawCaller {
  readonly #url: string;
  #id = 1;

  constructor(
    readonly port: number,
    readonly token: string,
    /** Sent as `Mcp-Session-Id`. */
    readonly sessionId?: string,
  ) {
    this.#url = `http://127.0.0.1:${port}/mcp`;
  }

  /** The same caller in another session: one that a server gave, one invented, or somebody else's. */
  in(sessionId: string | undefined): RawCaller {
    return new RawCaller(this.port, this.token, sessionId);
  }

  /** The caller in a session that the server gave; on a stateless server, in an invented one. */
  async begin(): Promise<RawCaller> {
    const params = {
      protocolVersion: "2025-06-18",
      capabilities: {},
      clientInfo: { name: "raw", version: "1.0.0" },
    };
    const response = await this.send(
      "POST",
      JSON.stringify({ jsonrpc: "2.0", id: 0, method: "initialize", params }),
    );
    await response.text();
    const caller = this.in(response.headers.get("mcp-session-id") ?? randomUUID());
    const done = JSON.stringify({ jsonrpc: "2.0", method: "notifications/initialized" });
    await (await caller.send("POST", done)).text();
    return caller;
  }

  /** Calls a tool. */
  call(name: string, args: object = {}, id?: number): Promise<RawAnswer> {
    return this.request("tools/call", { name, arguments: args }, id);
  }

  /** Reads a reference as a resource. */
  read(refId: string): Promise<RawAnswer> {
    return this.request("resources/read", { uri: `refcache://${refId}` });
  }

  /** Sends a request and waits for the whole answer. */
  async request(method: string, params: object, id = this.#id++): Promise<RawAnswer> {
    const response = await this.send("POST", JSON.stringify({ jsonrpc: "2.0", id, method, params }));
    const text = await response.text();
    const [, message] = /^data: (.*"id":.*)$/m.exec(text) ?? [];
    return {
      status: response.status,
      text,
      result: message === undefined ? undefined : JSON.parse(message).result,
    };
  }

  /** Sends anything at all. */
  send(method: string, body?: string): Promise<Response> {
    const headers = {
      authorization: `Bearer ${this.token}`,
      accept: method === "GET" ? "text/event-stream" : "application/json, text/event-stream",
      "content-type": "application/json",
      ...(this.sessionId === undefined ? {} : { "mcp-session-id": this.sessionId }),
    };
    return fetch(this.#url, { method, headers, ...(body === undefined ? {} : { body }) });
  }
}

/** A connection over FastMCP's old `/sse` route, where messages go by another request, which nobody authenticates. */
export class RawSse {
  readonly #abort = new AbortController();
  readonly #base: string;
  /** Where this connection's messages are to be posted. */
  endpoint = "";
  /** All that the server sent over it. */
  text = "";

  private constructor(port: number) {
    this.#base = `http://127.0.0.1:${port}`;
  }

  /** Connects; gives the status where the server refuses. */
  static async connect(port: number, headers: Record<string, string>): Promise<RawSse | number> {
    const connection = new RawSse(port);
    const { signal } = connection.#abort;
    const response = await fetch(`${connection.#base}/sse`, { headers, signal });
    if (response.status !== 200 || response.body === null) return response.status;
    void connection.#listen(response.body);
    await connection.until(/^data: (\/messages\S+)/m);
    connection.endpoint = /^data: (\/messages\S+)/m.exec(connection.text)?.[1] ?? "";
    return connection;
  }

  /** Posts a message to an endpoint, this connection's own or somebody else's. */
  async post(message: object, endpoint = this.endpoint): Promise<string> {
    const headers = { "content-type": "application/json" };
    const body = JSON.stringify({ jsonrpc: "2.0", ...message });
    return (await fetch(this.#base + endpoint, { method: "POST", headers, body })).text();
  }

  /** Calls a tool in this connection's session and waits for the answer. */
  async call(id: number, name: string, args: object): Promise<string> {
    await this.post({ id, method: "tools/call", params: { name, arguments: args } });
    return this.until(new RegExp(`^data: .*"id":${id}\\b.*$`, "m"));
  }

  /** Waits until the server has sent this. */
  async until(pattern: RegExp): Promise<string> {
    for (let waited = 0; waited < 10_000; waited += 5) {
      const found = pattern.exec(this.text);
      if (found !== null) return found[0];
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    throw new Error(`The server did not send ${pattern}`);
  }

  /** Ends the connection. */
  close(): void {
    this.#abort.abort();
  }

  async #listen(body: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    try {
      for await (const chunk of body) this.text += decoder.decode(chunk, { stream: true });
    } catch {
      // Closed by this side.
    }
  }
}

import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";

/** All that came out of servers: messages, HTTP bodies and headers, logs. */
export class Recording {
  readonly #parts: string[] = [];

  /** Everything so far. */
  get text(): string {
    return this.#parts.join("\n");
  }

  /** Keeps a part. */
  readonly add = (part: unknown): void => {
    this.#parts.push(String(part));
  };

  /** Keeps every message that a transport is about to get. */
  watch(transport: Transport): void {
    transport.onmessage = (message) => this.add(JSON.stringify(message));
  }

  /** Fetches, and keeps what is answered as it comes over the socket. */
  readonly fetch = async (url: string | URL, init?: RequestInit): Promise<Response> => {
    const response = await fetch(url, init);
    this.add(JSON.stringify([...response.headers]));
    if (response.body === null) return response;
    const [shown, kept] = response.body.tee();
    void this.#keep(kept);
    return new Response(shown, response);
  };

  async #keep(body: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    try {
      for await (const chunk of body) this.add(decoder.decode(chunk, { stream: true }));
    } catch {
      // A stream that is cut off has said what it said.
    }
  }
}

/** Connects a client over HTTP whose traffic is kept. */
export async function connectRecorded(port: number, token: string, recording: Recording): Promise<Client> {
  const client = new Client({ name: "test", version: "1.0.0" });
  const requestInit = { headers: { authorization: `Bearer ${token}` } };
  const url = new URL(`http://127.0.0.1:${port}/mcp`);
  await client.connect(
    new StreamableHTTPClientTransport(url, { requestInit, fetch: recording.fetch }) as Transport,
  );
  return client;
}

import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { expect, onTestFinished, test } from "vitest";
import { type Fault, FaultProxy } from "./fault-proxy.js";
import * as faults from "./proxy-faults.js";

/** A server that says `<<request>>` to each piece that it gets, and a proxy before it. */
async function echoBehindProxy() {
  const received: string[] = [];
  const server = createServer((socket) => {
    socket
      .on("error", () => {})
      .on("data", (bytes) => {
        received.push(bytes.toString());
        socket.write(`<<${bytes}>>`);
      });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const proxy = await FaultProxy.before((server.address() as { port: number }).port);
  onTestFinished(async () => {
    await proxy.close();
    server.close();
  });
  const client = async (): Promise<Socket> => {
    const socket = connect(proxy.port, "127.0.0.1").on("error", () => {});
    onTestFinished(() => void socket.destroy());
    await once(socket, "connect");
    return socket;
  };
  return { proxy, received, client };
}

/** What a new connection gets to read for "hello" until it ends. */
async function answerUnder(fault: Fault) {
  const { proxy, received, client } = await echoBehindProxy();
  const socket = await client();
  proxy.fail(fault);
  socket.write("hello");
  const answer = await text(socket).catch((error: NodeJS.ErrnoException) => error.code);
  return { answer, received };
}

async function next(socket: Socket): Promise<string> {
  const [bytes] = await once(socket, "data");
  return String(bytes);
}

test("passes everything on, both ways", async () => {
  const { proxy, client } = await echoBehindProxy();
  const socket = await client();
  socket.write("hello");
  expect(await next(socket)).toBe("<<hello>>");
  expect([proxy.connections, proxy.accepted]).toEqual([1, 1]);
  socket.end();
  await once(socket, "close");
  await expect.poll(() => proxy.connections).toBe(0);
});

test.each<[string, Fault, { answer: string; received: string[] }]>([
  ["before a request", faults.cutBeforeRequest(), { answer: "", received: [] }],
  ["in the middle of a request", faults.cutMidRequest(), { answer: "", received: ["he"] }],
  ["before a reply", faults.cutBeforeReply(), { answer: "", received: ["hello"] }],
  ["in the middle of a reply", faults.cutMidReply(), { answer: "<<he", received: ["hello"] }],
  ["by RST", faults.resetBeforeReply(), { answer: "ECONNRESET", received: ["hello"] }],
  ["one way", faults.halfCloseBeforeReply(), { answer: "", received: ["hello"] }],
])("cuts %s", async (_, fault, expected) => {
  const { answer, received } = await answerUnder(fault);
  expect(answer).toBe(expected.answer);
  await expect.poll(() => received).toEqual(expected.received);
});

test.each(["requests", "replies", "both"] as const)("holds %s back, and delivers them late", async (way) => {
  const { proxy, received, client } = await echoBehindProxy();
  const socket = await client();
  proxy.fail(faults.blackHole(way));
  let early = "";
  socket.on("data", (bytes) => {
    early += bytes;
  });
  socket.write("hello");
  if (way === "replies") await expect.poll(() => received).toEqual(["hello"]);
  // What the proxy did with the bytes before these, it has done by then.
  const other = await client();
  other.write("other");
  await expect.poll(() => proxy.connections).toBe(2);
  expect(early).toBe("");
  if (way !== "replies") expect(received).toEqual([]);
  proxy.heal();
  await expect.poll(() => early).toBe("<<hello>>");
});

test("delivers late what a client sent that has given up", async () => {
  const { proxy, received, client } = await echoBehindProxy();
  const socket = await client();
  proxy.fail(faults.blackHole("both"));
  socket.end("hello");
  socket.destroySoon();
  await expect.poll(() => proxy.connections).toBe(0);
  expect(received).toEqual([]);
  proxy.heal();
  await expect.poll(() => received).toEqual(["hello"]);
});

test("lets bytes through a few at a time, in order", async () => {
  const { proxy, received, client } = await echoBehindProxy();
  const socket = await client();
  proxy.fail(faults.trickleRequests(1, 5));
  let answer = "";
  socket.on("data", (bytes) => {
    answer += bytes;
  });
  socket.write("hel");
  socket.write("lo");
  await expect.poll(() => received.join("")).toBe("hello");
  proxy.fail(faults.trickleReplies(2, 1));
  answer = "";
  socket.write("again");
  await expect.poll(() => answer).toContain("<<again>>");
});

test("delays, changes and adds to what the server says", async () => {
  const { proxy, client } = await echoBehindProxy();
  const socket = await client();
  proxy.fail(faults.delayReplies(50));
  const start = performance.now();
  socket.write("hello");
  expect(await next(socket)).toBe("<<hello>>");
  expect(performance.now() - start).toBeGreaterThan(45);
  proxy.fail(faults.changeReplies("hello", "world"));
  socket.write("hello");
  expect(await next(socket)).toBe("<<world>>");
  proxy.fail(faults.garbageBeforeReplies("?"));
  socket.write("hello");
  expect(await next(socket)).toMatch(/^\?/);
});

test("stays silent, hangs up, or is another program", async () => {
  const { proxy, client } = await echoBehindProxy();
  proxy.fail(faults.otherProgram("HTTP/1.1 400"));
  const answered = await client();
  answered.write("hello");
  expect(await next(answered)).toBe("HTTP/1.1 400");
  proxy.fail(faults.hangUp());
  expect(await text(await client())).toBe("");
  proxy.fail(faults.silence());
  const silent = await client();
  silent.write("hello");
  silent.on("data", () => expect.unreachable());
  silent.end();
  await once(silent, "close");
});

test("spares the greeting of each connection", async () => {
  const { proxy, client } = await echoBehindProxy();
  proxy.fail(faults.afterGreeting(faults.cutMidReply()));
  const socket = await client();
  socket.write("hello");
  expect(await next(socket)).toBe("<<hello>>");
  socket.write("hello");
  expect(await text(socket)).toBe("<<he");
});

test("refuses connections, and takes them again", async () => {
  const { proxy, client } = await echoBehindProxy();
  const socket = await client();
  const ended = once(socket, "close");
  await proxy.refuse();
  await ended;
  await expect(client()).rejects.toThrow("ECONNREFUSED");
  await proxy.accept();
  (await client()).destroy();
});

import type { Fault, Link } from "./fault-proxy.js";

/** The request does not get to the server, and the connection ends. */
export function cutBeforeRequest(): Fault {
  return { onRequest: (link) => link.cut() };
}

/** The server gets the first half of a request, and the connection ends. */
export function cutMidRequest(): Fault {
  return {
    onRequest(link, bytes) {
      link.toServer(firstHalf(bytes));
      link.cut();
    },
  };
}

/** The server has done what it was asked, and the connection ends before it can say so. */
export function cutBeforeReply(): Fault {
  return { onReply: (link) => link.cut() };
}

/** The client gets the first half of a reply, and the connection ends. */
export function cutMidReply(): Fault {
  return {
    onReply(link, bytes) {
      link.toClient(firstHalf(bytes));
      link.cut();
    },
  };
}

/** The server has done what it was asked, and the connection ends by RST. */
export function resetBeforeReply(): Fault {
  return { onReply: (link) => link.reset() };
}

/** The server ends its way to the client before it answers, and goes on listening. */
export function halfCloseBeforeReply(): Fault {
  return { onReply: (link) => link.halfClose() };
}

/** Nothing passes, one way or both, until it is over; then all of it arrives, late. */
export function blackHole(way: "requests" | "replies" | "both"): Fault {
  return {
    ...(way === "replies" ? {} : { onRequest: (link, bytes) => link.hold(() => link.toServer(bytes)) }),
    ...(way === "requests" ? {} : { onReply: (link, bytes) => link.hold(() => link.toClient(bytes)) }),
  } satisfies Fault;
}

/** Replies come so many milliseconds late, or when it is over, in order. */
export function delayReplies(milliseconds: number): Fault {
  return { onReply: (link, bytes) => link.delay(milliseconds, () => link.toClient(bytes)) };
}

/** Requests arrive so many bytes at a time, one portion every so many milliseconds. */
export function trickleRequests(size: number, every: number): Fault {
  const send = trickle(size, every);
  return { onRequest: (link, bytes) => send(link, bytes, (part) => link.toServer(part)) };
}

/** Replies arrive so many bytes at a time, one portion every so many milliseconds. */
export function trickleReplies(size: number, every: number): Fault {
  const send = trickle(size, every);
  return { onReply: (link, bytes) => send(link, bytes, (part) => link.toClient(part)) };
}

/** Bytes that the server never sent come before each of its replies. */
export function garbageBeforeReplies(garbage: string): Fault {
  return {
    onReply(link, bytes) {
      link.toClient(Buffer.from(garbage));
      // A piece of its own for the client, as the next packet would be.
      link.later(1, () => link.toClient(bytes));
    },
  };
}

/** Texts in replies arrive as others of the same length. */
export function changeReplies(from: string, to: string): Fault {
  return {
    onReply: (link, bytes) =>
      link.toClient(Buffer.from(bytes.toString("latin1").replaceAll(from, to), "latin1")),
  };
}

/** Connections come about, and nobody is there. */
export function silence(): Fault {
  return { onConnection: () => false };
}

/** Connections come about, and end at once. */
export function hangUp(): Fault {
  return {
    onConnection(client) {
      client.end();
      return false;
    },
    onRequest: (link) => link.cut(),
  };
}

/** Another program answers, whatever it is asked. */
export function otherProgram(answer: string): Fault {
  return {
    onConnection(client) {
      client.on("data", () => client.write(answer));
      return false;
    },
    onRequest: (link) => link.toClient(Buffer.from(answer)),
  };
}

/** The same fault for all but the greeting of each connection, so that connections come about. */
export function afterGreeting(fault: Fault): Fault {
  const { onRequest, onReply } = fault;
  return {
    onRequest: (link, bytes) =>
      onRequest && link.requests > 1 ? onRequest(link, bytes) : link.toServer(bytes),
    onReply: (link, bytes) => (onReply && link.replies > 1 ? onReply(link, bytes) : link.toClient(bytes)),
  };
}

function firstHalf(bytes: Buffer): Buffer {
  return bytes.subarray(0, Math.floor(bytes.length / 2));
}

/** Sends what comes on a link in portions, later bytes after earlier ones. */
function trickle(size: number, every: number) {
  const queues = new WeakMap<Link, Buffer[]>();
  return (link: Link, bytes: Buffer, pass: (part: Buffer) => void) => {
    const queue = queues.get(link);
    const parts = portions(bytes, size);
    if (queue !== undefined) {
      queue.push(...parts);
      return;
    }
    queues.set(link, parts);
    const next = () => {
      const part = parts.shift();
      if (part === undefined) queues.delete(link);
      else {
        pass(part);
        link.later(every, next);
      }
    };
    next();
  };
}

function portions(bytes: Buffer, size: number): Buffer[] {
  const count = Math.ceil(bytes.length / size);
  return Array.from({ length: count }, (_, n) => bytes.subarray(n * size, (n + 1) * size));
}

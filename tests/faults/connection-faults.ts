import type { Fault } from "../helpers/fault-proxy.js";
import * as faults from "../helpers/proxy-faults.js";
import { type RedisRig, untilConnectedAnew } from "./redis-rig.js";
import type { FaultCase } from "./run-fault.js";

const HTTP = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n";
/** What TLS says to those who speak none: a fatal alert. */
const TLS_ALERT = "\x15\x03\x01\x00\x02\x02\x46";

/** What can go wrong between a server of ours and Redis. */
export const CONNECTION_FAULTS: readonly FaultCase<RedisRig>[] = [
  inProxy("The connection is cut before a request", faults.cutBeforeRequest(), ["store_unavailable"]),
  inProxy("The connection is cut in the middle of a request", faults.cutMidRequest(), ["store_unavailable"]),
  inProxy("The connection is cut between request and reply", faults.cutBeforeReply(), ["store_unavailable"]),
  inProxy("The connection is cut in the middle of a reply", faults.cutMidReply(), ["store_unavailable"]),
  inProxy("The connection is reset", faults.resetBeforeReply(), ["store_unavailable"]),
  inProxy("The server ends its half of the connection", faults.halfCloseBeforeReply(), ["store_unavailable"]),
  inProxy("Every new connection is cut at its first request", faults.afterGreeting(faults.cutMidRequest()), [
    "store_unavailable",
  ]),
  inProxy("Requests vanish on the way", faults.blackHole("requests"), ["store_timeout"]),
  inProxy("Replies vanish on the way", faults.blackHole("replies"), ["store_timeout"]),
  inProxy("Nothing passes either way", faults.blackHole("both"), ["store_timeout"]),
  inProxy("Connections come about, and then nothing passes", faults.afterGreeting(faults.blackHole("both")), [
    "store_timeout",
  ]),
  inProxy("Replies arrive one byte at a time", faults.trickleReplies(1, 2), ["store_timeout", "value"]),
  inProxy("Requests arrive one byte at a time", faults.trickleRequests(1, 2), ["store_timeout", "value"]),
  inProxy("Replies are late, within the deadline", faults.delayReplies(150), ["value"]),
  inProxy("Replies are late, past the deadline", faults.delayReplies(2500), ["store_timeout"]),
  inProxy("Garbage comes before replies", faults.garbageBeforeReplies("?!"), ["store_unavailable"]),
  inProxy("Replies are damaged on the way", faults.changeReplies("$", "*"), ["store_unavailable"]),
  {
    // The end of one number in each list.
    ...inProxy("Values are changed on the way", faults.changeReplies("000007,", "000008,"), [
      "miss",
      "value",
    ]),
    writes: ["value"],
    cacheAlone: true,
  },
  {
    name: "Connections are refused",
    begin: ({ proxy }) => proxy.refuse(),
    end: ({ proxy }) => proxy.accept(),
    reads: ["store_unavailable"],
    writes: ["store_unavailable"],
  },
  newConnections("Connections come about, and nobody answers", faults.silence(), "store_timeout"),
  newConnections("Connections come about, and end at once", faults.hangUp(), "store_unavailable"),
  newConnections("An HTTP server answers", faults.otherProgram(HTTP), "store_unavailable"),
  newConnections("The port wants TLS", faults.otherProgram(TLS_ALERT), "store_unavailable"),
];

function inProxy(name: string, fault: Fault, outcomes: FaultCase<RedisRig>["reads"]): FaultCase<RedisRig> {
  return {
    name,
    begin: ({ proxy }) => proxy.fail(fault),
    end: ({ proxy }) => proxy.heal(),
    reads: outcomes,
    writes: outcomes,
  };
}

/** What only new connections meet: those there are end first. */
function newConnections(name: string, fault: Fault, outcome: string): FaultCase<RedisRig> {
  return {
    name,
    begin(rig) {
      rig.proxy.fail(fault);
      return untilConnectedAnew(rig, () => rig.proxy.cutAll());
    },
    end: ({ proxy }) => proxy.heal(),
    reads: [outcome, "store_unavailable"],
    writes: [outcome, "store_unavailable"],
  };
}

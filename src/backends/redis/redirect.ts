import type { RedisAddress } from "./address.js";

/** What a cluster's server says in place of an answer, having done nothing: ask there, or again a little later. */
export interface Redirect {
  /** MOVED for good, ASK this once, or TRYAGAIN while a slot is handed over. */
  readonly kind: "MOVED" | "ASK" | "TRYAGAIN";
  /** `host:port` of the server to ask; `undefined` to ask the one that the table of slots names. */
  readonly address?: string;
  /** Whether that server is about to be given the slot, and has to be told that one knows. */
  readonly asking: boolean;
}

/** Addresses, `host:port`, as the servers name them, and as this process reaches them. */
export type NatMap = Readonly<Record<string, RedisAddress>>;

/** Reads a MOVED, ASK or TRYAGAIN reply; nothing for any other error. */
export function redirectOf(error: Error, natMap: NatMap = {}): Redirect | undefined {
  const [kind, , address = ""] = error.message.split(" ");
  if (kind !== "MOVED" && kind !== "ASK" && kind !== "TRYAGAIN") return undefined;
  const asking = kind === "ASK";
  // A server that does not know its own name gives none.
  if (!/^[^:?].*:\d+$/.test(address)) return { kind, asking };
  const mapped = natMap[address];
  return { kind, asking, address: mapped === undefined ? address : `${mapped.host}:${mapped.port}` };
}

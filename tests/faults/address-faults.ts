import type { RedisBackendOptions } from "../../src/backends/redis/index.js";
import type { Outcome } from "./operations.js";

/** A backend that is told something wrong about its server, for good. */
export interface AddressFault {
  /** What the list in `docs/faults.md` calls it. */
  readonly name: string;
  /** What it is told besides the port, and the name and password of the user. */
  readonly options: RedisBackendOptions;
  /** How every operation may end but that of a tool, which answers. */
  readonly outcomes: readonly Outcome[];
}

/** What can be wrong about an address. */
export const ADDRESS_FAULTS: readonly AddressFault[] = [
  {
    name: "The host name does not resolve",
    options: { host: "no-such-host.invalid" },
    outcomes: ["store_unavailable"],
  },
  {
    name: "TLS is spoken to a port without it",
    options: { tls: true },
    outcomes: ["store_unavailable", "store_timeout"],
  },
  {
    name: "The password is wrong",
    options: { password: "wrong" },
    outcomes: ["store_unavailable"],
  },
  {
    name: "The database does not exist",
    options: { db: 7000 },
    outcomes: ["store_unusable", "store_unavailable"],
  },
];

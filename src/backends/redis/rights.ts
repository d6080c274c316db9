/**
 * Every command that is sent, and what it does: nothing to what is stored (`reads`); change it (`writes`), which is waited
 * for under `durability: "replicated"`; or change what need not be waited for (`acts`). This is what an ACL user must be
 * allowed. A command that is missing here fails the tests, which run as a user with these rights. The line in
 * docs/production.md says the same.
 */
const COMMANDS: Readonly<Record<string, "reads" | "writes" | "acts">> = {
  get: "reads",
  getrange: "reads",
  exists: "reads",
  set: "writes",
  unlink: "writes",
  scan: "reads",
  /** For texts that are stored piece by piece; pieces are waited for once, when their key becomes an entry's. */
  append: "acts",
  persist: "writes",
  rename: "writes",
  /** For labels, by which entries are invalidated. */
  zadd: "writes",
  zrem: "writes",
  zremrangebyscore: "writes",
  zpopmin: "writes",
  zscan: "reads",
  zcount: "reads",
  /**
   * For leases; what a lost one costs is a second run of a tool, which is not worth a wait. A script that stores is
   * waited for all the same, see {@link Script}.
   */
  eval: "acts",
  evalsha: "acts",
  pexpire: "acts",
  time: "reads",
  /** For tasks, whose records are as durable as entries. */
  hset: "writes",
  hmget: "reads",
  zrangebyscore: "reads",
  zscore: "reads",
  /** For what servers tell each other. */
  publish: "acts",
  subscribe: "acts",
  ping: "reads",
  multi: "acts",
  exec: "acts",
  /** For `durability: "replicated"`. */
  wait: "reads",
  /** For the warning of a `maxmemory-policy` that loses what is stored. */
  info: "reads",
  /** For copies in front of the store, which it tells of what changes. */
  pttl: "reads",
  "client|id": "reads",
  "client|tracking": "acts",
  /** For clusters. */
  "cluster|slots": "reads",
  "client|setname": "acts",
  asking: "acts",
  readonly: "acts",
};

/** What an ACL user needs, as `ACL SETUSER` takes it. */
export const ACL_RULES = [
  "~mcp-refcache:*",
  "&mcp-refcache:*",
  "&__redis__:invalidate",
  "-@all",
  ...Object.keys(COMMANDS).map((command) => `+${command}`),
];

/** What to tell those whose user lacks a right. */
export const RIGHTS_HINT = `It needs ${Object.keys(COMMANDS).join(", ").toUpperCase()} on keys and channels mcp-refcache:*; docs/production.md has the ACL line.`;

/** Tells whether a command changes what is stored. */
export function isWrite(command: string): boolean {
  return COMMANDS[command.toLowerCase()] === "writes";
}

/** Tells whether a command changes nothing; of any other without a reply, nobody knows what became. */
export function isRead(command: string): boolean {
  return COMMANDS[command.toLowerCase()] === "reads";
}

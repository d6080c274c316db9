/**
 * Every command that is sent, and whether it writes: what an ACL user must be allowed, and what is waited for under
 * `durability: "replicated"`. A command that is missing here fails the tests, which run as a user with these rights.
 * The line in docs/production.md says the same.
 */
const COMMANDS: Readonly<Record<string, "reads" | "writes" | "neither">> = {
  get: "reads",
  getrange: "reads",
  set: "writes",
  unlink: "writes",
  scan: "reads",
  /** For labels, by which entries are invalidated. */
  zadd: "writes",
  zrem: "writes",
  zremrangebyscore: "writes",
  zpopmin: "writes",
  zscan: "reads",
  zcount: "reads",
  exists: "reads",
  /** For leases; what a lost one costs is a second run of a tool, which is not worth a wait. */
  eval: "neither",
  evalsha: "neither",
  pexpire: "neither",
  time: "neither",
  /** For what servers tell each other. */
  publish: "neither",
  subscribe: "neither",
  ping: "neither",
  multi: "neither",
  exec: "neither",
  /** For `durability: "replicated"`. */
  wait: "neither",
  /** For the warning of a `maxmemory-policy` that loses what is stored. */
  info: "neither",
  /** For clusters. */
  "cluster|slots": "neither",
  "client|setname": "neither",
  asking: "neither",
  readonly: "neither",
};

/** What an ACL user needs, as `ACL SETUSER` takes it. */
export const ACL_RULES = [
  "~mcp-refcache:*",
  "&mcp-refcache:*",
  "-@all",
  ...Object.keys(COMMANDS).map((command) => `+${command}`),
];

/** What to tell those whose user lacks a right. */
export const RIGHTS_HINT = `It needs ${Object.keys(COMMANDS).join(", ").toUpperCase()} on keys and channels mcp-refcache:*; docs/production.md has the ACL line.`;

/** Tells whether a command changes what is stored. */
export function isWrite(command: string): boolean {
  return COMMANDS[command.toLowerCase()] === "writes";
}

import { mkdirSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import { grantRights, type RedisRig, until, untilConnectedAnew } from "./redis-rig.js";
import type { FaultCase } from "./run-fault.js";

const ENTRIES = "mcp-refcache:entry:";
const NOWHERE = ["127.0.0.1", "1"];
const UNAVAILABLE = ["store_unavailable"] as const;
const DONE = ["value"] as const;

/** What can become of Redis itself. */
export const SERVER_FAULTS: readonly FaultCase<RedisRig>[] = [
  {
    name: "The server is killed, and returns with its data",
    begin: ({ redis }) => redis.kill(),
    end: ({ redis }) => redis.start(),
    reads: UNAVAILABLE,
    writes: UNAVAILABLE,
  },
  {
    name: "The server is killed, and returns empty",
    async begin({ redis, admin }) {
      await admin("FLUSHALL");
      await redis.kill();
    },
    end: ({ redis }) => redis.start(),
    reads: ["store_unavailable", "miss"],
    writes: UNAVAILABLE,
    loses: true,
  },
  {
    name: "The server is shut down in good order",
    begin: ({ admin }) => admin("SHUTDOWN").catch(() => {}),
    end: ({ redis }) => redis.restart(),
    reads: UNAVAILABLE,
    writes: UNAVAILABLE,
  },
  {
    name: "The server is frozen",
    begin: ({ redis }) => redis.freeze(),
    end: ({ redis }) => redis.thaw(),
    reads: ["store_timeout"],
    writes: ["store_timeout"],
  },
  {
    name: "The server is slow for a moment",
    begin: ({ admin }) => void admin("DEBUG", "SLEEP", "0.3"),
    end: ({ admin }) => admin("PING"),
    reads: DONE,
    writes: DONE,
  },
  {
    name: "The server pauses its clients",
    begin: ({ admin }) => admin("CLIENT", "PAUSE", 2200, "ALL"),
    end: ({ admin }) => admin("PING"),
    reads: ["store_timeout"],
    writes: ["store_timeout"],
  },
  {
    name: "The server pauses writes",
    begin: ({ admin }) => admin("CLIENT", "PAUSE", 60_000, "WRITE"),
    end: ({ admin }) => admin("CLIENT", "UNPAUSE"),
    reads: ["store_timeout", "value"],
    writes: ["store_timeout"],
  },
  {
    name: "The server closes its connections",
    begin: (rig) => untilConnectedAnew(rig, () => rig.admin("CLIENT", "KILL", "USER", "app")),
    end: () => {},
    reads: ["value", "store_unavailable"],
    writes: ["value", "store_unavailable"],
  },
  {
    name: "The server loads its data",
    async begin(rig) {
      const { admin } = rig;
      const filler = "for n = 1, 1000 do redis.call('set', 'filler:' .. n, string.rep('x', 100)) end";
      await admin("EVAL", filler, 0);
      await admin("CONFIG", "SET", "key-load-delay", 1000);
      void admin("DEBUG", "RELOAD");
      await until(rig, (info) => /^loading:1/m.test(info));
    },
    async end(rig) {
      await until(rig, (info) => /^loading:0/m.test(info));
      await rig.admin("CONFIG", "SET", "key-load-delay", 0);
      await rig.admin("EVAL", "for n = 1, 1000 do redis.call('del', 'filler:' .. n) end", 0);
    },
    reads: UNAVAILABLE,
    writes: UNAVAILABLE,
  },
  {
    name: "The memory is full, and nothing is evicted",
    begin: ({ admin }) => admin("CONFIG", "SET", "maxmemory", 1, "maxmemory-policy", "noeviction"),
    end: ({ admin }) => admin("CONFIG", "SET", "maxmemory", 0),
    reads: DONE,
    writes: ["store_full", "value"], // what removes is let through
  },
  {
    name: "The memory is full, and entries are evicted",
    begin: ({ admin }) => admin("CONFIG", "SET", "maxmemory", 1, "maxmemory-policy", "allkeys-lru"),
    end: ({ admin }) => admin("CONFIG", "SET", "maxmemory", 0),
    reads: ["miss", "value"],
    writes: ["store_full", "value"],
    loses: true,
  },
  {
    name: "The disk is full",
    async begin(rig) {
      mkdirSync(join(await folderOf(rig), "taken"));
      await rig.admin("CONFIG", "SET", "dbfilename", "taken", "save", "3600 1");
      await rig.admin("BGSAVE");
      await until(rig, (info) => info.includes("rdb_last_bgsave_status:err"));
    },
    async end(rig) {
      await rig.admin("CONFIG", "SET", "dbfilename", "dump.rdb", "save", "");
      rmdirSync(join(await folderOf(rig), "taken"));
      await rig.admin("SAVE");
    },
    reads: DONE,
    writes: ["store_full"],
  },
  {
    name: "The server is a read-only replica",
    begin: ({ admin }) => admin("REPLICAOF", ...NOWHERE),
    end: ({ admin }) => admin("REPLICAOF", "NO", "ONE"),
    reads: DONE,
    writes: ["store_unusable"],
  },
  {
    name: "The server is a replica that has lost its primary",
    async begin({ admin }) {
      await admin("CONFIG", "SET", "replica-serve-stale-data", "no");
      await admin("REPLICAOF", ...NOWHERE);
    },
    async end({ admin }) {
      await admin("REPLICAOF", "NO", "ONE");
      await admin("CONFIG", "SET", "replica-serve-stale-data", "yes");
    },
    reads: UNAVAILABLE,
    writes: ["store_unusable", "store_unavailable"],
  },
  {
    name: "The server has lost its replicas",
    begin: ({ admin }) => admin("CONFIG", "SET", "min-replicas-to-write", 1),
    end: ({ admin }) => admin("CONFIG", "SET", "min-replicas-to-write", 0),
    reads: DONE,
    writes: UNAVAILABLE,
  },
  {
    name: "The server runs a script that does not end",
    async begin({ admin }) {
      await admin("CONFIG", "SET", "busy-reply-threshold", 10);
      admin("EVAL", "while true do end", 0).catch(() => {});
      while (
        await admin("PING").then(
          () => true,
          () => false,
        )
      );
    },
    end: ({ admin }) => admin("SCRIPT", "KILL"),
    reads: UNAVAILABLE,
    writes: UNAVAILABLE,
  },
  {
    name: "The store is emptied by FLUSHALL",
    begin: ({ admin }) => admin("FLUSHALL"),
    end: () => {},
    reads: ["miss"],
    writes: DONE,
    loses: true,
  },
  {
    name: "The rights of the user are revoked",
    begin: ({ admin }) => admin("ACL", "SETUSER", "app", "-@all"),
    end: grantRights,
    reads: UNAVAILABLE,
    writes: UNAVAILABLE,
  },
  {
    name: "The user is deleted",
    begin: ({ admin }) => admin("ACL", "DELUSER", "app"),
    end: grantRights,
    reads: UNAVAILABLE,
    writes: UNAVAILABLE,
  },
  {
    name: "The password is changed",
    async begin({ admin }) {
      await admin("ACL", "SETUSER", "app", "resetpass", ">changed");
      await admin("CLIENT", "KILL", "USER", "app");
    },
    end: grantRights,
    reads: UNAVAILABLE,
    writes: UNAVAILABLE,
  },
  noConnectionToSpare(),
  {
    name: "Keys hold another type than text",
    begin: ({ admin }) => admin("EVAL", onEachKey("redis.call('del', key) redis.call('lpush', key, 'x')"), 0),
    end: ({ admin }) => admin("FLUSHALL"),
    reads: ["entry_unreadable", "store_unusable", "miss"],
    writes: ["value", "store_unusable"],
    loses: true,
  },
  {
    name: "Entries are cut short",
    begin: ({ admin }) =>
      admin("EVAL", onEachKey("redis.call('set', key, redis.call('getrange', key, 0, 50))", ENTRIES), 0),
    end: ({ admin }) => admin("FLUSHALL"),
    reads: ["entry_unreadable", "miss", "value"], // links and lists
    writes: DONE,
    loses: true,
  },
  {
    name: "Something of 0.5 MB lies where entries should",
    begin: ({ admin }) => admin("EVAL", onEachKey("redis.call('setrange', key, 500000, 'x')", ENTRIES), 0),
    end: ({ admin }) => admin("FLUSHALL"),
    reads: ["entry_unreadable", "miss", "value"], // links and lists
    writes: DONE,
    loses: true,
  },
  {
    name: "Replies are larger than the server lets through",
    begin: ({ admin }) => admin("CONFIG", "SET", "client-output-buffer-limit", "normal 20000 0 0"),
    end: ({ admin }) => admin("CONFIG", "SET", "client-output-buffer-limit", "normal 0 0 0"),
    reads: ["store_unavailable", "value"],
    writes: ["store_unavailable", "value"],
  },
  {
    name: "Values are larger than the server takes",
    begin: ({ admin }) => admin("CONFIG", "SET", "proto-max-bulk-len", "1mb"),
    end: ({ admin }) => admin("CONFIG", "SET", "proto-max-bulk-len", "512mb"),
    reads: ["store_unavailable", "value"], // what shared the connection
    writes: ["store_unavailable", "store_full", "value"],
    length: 150_000,
  },
  {
    name: "Requests are larger than the server takes",
    begin: ({ admin }) => admin("CONFIG", "SET", "client-query-buffer-limit", "1mb"),
    end: ({ admin }) => admin("CONFIG", "SET", "client-query-buffer-limit", "1gb"),
    reads: ["store_unavailable", "value"],
    writes: ["store_unavailable", "value"],
    length: 150_000,
  },
];

/** Lua that does something with each of our keys, or each under a prefix. */
function onEachKey(action: string, prefix = "mcp-refcache:"): string {
  return `for _, key in ipairs(redis.call('keys', '${prefix}*')) do ${action} end`;
}

/** The command that puts it right needs a connection, too. */
function noConnectionToSpare(): FaultCase<RedisRig> {
  let kept: Awaited<ReturnType<RedisRig["connect"]>> | undefined;
  return {
    name: "The server has no connection to spare",
    async begin({ connect }) {
      kept = await connect();
      await kept.call("CONFIG", "SET", "maxclients", 1);
      await kept.call("CLIENT", "KILL", "USER", "app");
    },
    async end() {
      await kept?.call("CONFIG", "SET", "maxclients", 1000);
      kept?.disconnect();
    },
    reads: UNAVAILABLE,
    writes: UNAVAILABLE,
  };
}

async function folderOf({ admin }: RedisRig): Promise<string> {
  const [, folder] = (await admin("CONFIG", "GET", "dir")) as [string, string];
  return folder;
}

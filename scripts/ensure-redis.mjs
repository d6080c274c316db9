// Sees to it that the tests find a Redis server; run by `npm test`. Silent when there is nothing to do.
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";

const HOW =
  "put valkey-server or redis-server on the PATH, or leave these tests out by MCP_REFCACHE_TEST_REDIS=off";

function isOnPath(program) {
  return (process.env.PATH ?? "").split(delimiter).some((folder) => existsSync(join(folder, program)));
}

function hasServer() {
  return isOnPath("valkey-server") || isOnPath("redis-server");
}

function aptGet(...args) {
  // RUNLEVEL=1 keeps the package from starting a service of its own.
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive", RUNLEVEL: "1" };
  execFileSync("apt-get", ["-qq", ...args], { env, stdio: "pipe", timeout: 300_000 });
}

function canInstall() {
  return isOnPath("apt-get") && process.getuid?.() === 0;
}

/** Installs a server; returns what went wrong, if anything. */
function install() {
  console.log("No Redis server is on the PATH: installing redis-server by apt-get.");
  try {
    aptGet("update");
    aptGet("install", "-y", "--no-install-recommends", "redis-server");
    return hasServer() ? undefined : "apt-get installed none";
  } catch (error) {
    const lines = String(error.stderr || error.message)
      .trim()
      .split("\n");
    return `apt-get failed (${lines.at(-1)})`;
  }
}

const isOff = process.env.MCP_REFCACHE_TEST_REDIS === "off";
if (!isOff && !process.env.REDIS_URL && !hasServer()) {
  const problem = canInstall() ? install() : "installing one takes apt-get and root";
  if (problem !== undefined) {
    console.error(`The tests need a Redis server, and ${problem}: ${HOW}.`);
    process.exit(1);
  }
}

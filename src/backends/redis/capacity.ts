import type { StoreCapacity } from "../backend.js";
import type { Connection } from "./commands.js";

/** Memory of all primaries, as `INFO memory` tells; nothing where this user may not ask. */
export async function capacityOf(connection: Connection): Promise<StoreCapacity> {
  const servers = await connection.servers();
  const texts = await Promise.all(
    servers.map((server) => server.call(["info", "memory"]).catch(skipRefused)),
  );
  const used = texts.map((text) => fieldOf(text, "used_memory"));
  const most = texts.map((text) => fieldOf(text, "maxmemory"));
  const [bytes, maxBytes] = [sumOf(used), sumOf(most)];
  return { ...(bytes !== undefined && { bytes }), ...(maxBytes ? { maxBytes } : {}) };
}

/** An error reply (no right to the command, or a server without it) says that nothing can be known. */
function skipRefused(error: unknown): undefined {
  const { code } = ((error as Error).cause ?? {}) as { code?: unknown };
  if (code === "NOPERM" || code === "ERR") return undefined;
  throw error;
}

function fieldOf(text: unknown, name: string): number | undefined {
  const digits = new RegExp(`^${name}:(\\d+)`, "m").exec(String(text))?.[1];
  return digits === undefined ? undefined : Number(digits);
}

function sumOf(figures: readonly (number | undefined)[]): number | undefined {
  const known = figures.filter((figure) => figure !== undefined);
  return known.length < figures.length ? undefined : known.reduce((sum, figure) => sum + figure, 0);
}

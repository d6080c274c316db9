import { ConfigurationError } from "../../errors.js";

/** Where one server is. */
export interface RedisAddress {
  readonly host: string;
  readonly port: number;
}

/** What a URL says. */
export interface RedisPlace {
  readonly host?: string;
  readonly port?: number;
  readonly username?: string;
  readonly password?: string;
  readonly db?: number;
  readonly tls?: boolean;
  readonly sentinels?: readonly Partial<RedisAddress>[];
  readonly masterName?: string;
  readonly nodes?: readonly Partial<RedisAddress>[];
}

const FORM =
  "redis://user:password@host:port/db, redis+sentinel://user:password@host:port,host:port/name/db or redis+cluster://user:password@host:port,host:port";
const URL_PARTS =
  /^(?<kind>rediss?(?:\+sentinel|\+cluster)?):\/\/(?:(?<user>[^:@/]*)(?::(?<password>[^/?#]*))?@)?(?<hosts>[^/?#@]*)(?<path>\/[^?#]*)?(?:\?(?<query>[^#]*))?$/i;
const HOST = /^(?:\[(?<six>[\da-f:.]+)\]|(?<host>[^:[\]\s]*))(?::(?<port>\d{1,5}))?$/i;

/**
 * Reads a URL of a server, of sentinels or of a cluster.
 * @throws {ConfigurationError} naming the option or variable it came from; never quotes it.
 */
export function parseUrl(option: string, text: unknown): RedisPlace {
  const parts = typeof text === "string" ? URL_PARTS.exec(text)?.groups : undefined;
  if (parts === undefined) throw new ConfigurationError(option, `must be ${FORM}`);
  const { user, password, hosts = "", path = "", query } = parts;
  const kind = (parts.kind ?? "").toLowerCase();
  const addresses = hosts.split(",").map((each) => addressOf(option, each));
  const names = path.split("/").slice(1);
  return {
    ...(user ? { username: unescapeText(option, user) } : {}),
    ...(password ? { password: unescapeText(option, password) } : {}),
    tls: kind.startsWith("rediss"),
    ...placeOf(option, kind.split("+")[1], addresses, names, new URLSearchParams(query).get("db")),
  };
}

function placeOf(
  option: string,
  kind: string | undefined,
  addresses: Partial<RedisAddress>[],
  [first = "", second = "", ...others]: string[],
  dbInQuery: string | null,
): RedisPlace {
  const [address, ...more] = addresses;
  if (kind === "sentinel" && others.length === 0) {
    const masterName = unescapeText(option, first);
    return { sentinels: addresses, masterName, db: databaseOf(option, dbInQuery ?? second) };
  }
  const db = databaseOf(option, dbInQuery ?? [first, second, ...others].join("/").replace(/\/+$/, ""));
  if (kind === "cluster") return { nodes: addresses, db };
  if (kind === undefined && more.length === 0) return { ...address, db };
  throw new ConfigurationError(option, `must be ${FORM}`);
}

function addressOf(option: string, text: string): Partial<RedisAddress> {
  const parts = HOST.exec(text)?.groups;
  const port = Number(parts?.port ?? 1);
  if (parts === undefined || port > 65_535) throw new ConfigurationError(option, `must be ${FORM}`);
  const host = parts.six ?? parts.host;
  return { ...(host ? { host } : {}), ...(parts.port ? { port } : {}) };
}

function databaseOf(option: string, text: string): number {
  if (/^\d{0,9}$/.test(text)) return Number(text);
  throw new ConfigurationError(option, "must have the number of a database, or nothing, as its path");
}

function unescapeText(option: string, text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new ConfigurationError(option, "has a % that begins no escape; write it as %25");
  }
}

import type { FastMCP, FastMCPSessionAuth, Tool } from "fastmcp";
import { ConfigurationError } from "../errors.js";
import type { Logger } from "../logger.js";

/**
 * Tells from the verified session, as `authenticate` returned it, whether it is an administrator's. `true` opens and
 * nothing else does. FastMCP does not wait when it picks the tools of a session, so neither can this: what takes
 * waiting belongs into `authenticate`, which leaves its finding in the session.
 */
export type AllowAdministrator<Session> = (session: NonNullable<Session>) => boolean;

/** The one place that tells whether a session is an administrator's. */
export class AdminDoor<Session> {
  readonly #allow: AllowAdministrator<Session>;
  readonly #logger: Logger;
  #justAsked: { readonly session: unknown; readonly isOpen: boolean } | undefined;

  /** @throws {ConfigurationError} when the hook is no function, or an `async` one. */
  constructor(allow: AllowAdministrator<Session>, logger: Logger) {
    if (typeof allow !== "function") throw new ConfigurationError(OPTION, "must be a function");
    if (Object.prototype.toString.call(allow) === "[object AsyncFunction]")
      throw new ConfigurationError(OPTION, NO_WAITING);
    this.#allow = allow;
    this.#logger = logger;
  }

  /** Asks anew. Nobody is let in without a session, nor by a hook that throws or says anything but `true`. */
  isOpenTo(session: unknown): boolean {
    if (!isVerified(session)) return false;
    try {
      const verdict: unknown = this.#allow(session as NonNullable<Session>);
      if (verdict instanceof Promise) this.#report(verdict);
      return verdict === true;
    } catch (error) {
      this.#logger.error(`${OPTION} failed: ${error instanceof Error ? error.name : "no error was thrown"}`);
      return false;
    }
  }

  /** Like {@link AdminDoor.isOpenTo}, for several tools in one go: asks once, so that all of them are shown or none. */
  shows(session: unknown): boolean {
    if (this.#justAsked?.session !== session || this.#justAsked === undefined) {
      this.#justAsked = { session, isOpen: this.isOpenTo(session) };
      queueMicrotask(() => {
        this.#justAsked = undefined;
      });
    }
    return this.#justAsked.isOpen;
  }

  #report(verdict: Promise<unknown>): void {
    verdict.catch(() => undefined); // nobody else waits for it
    this.#logger.error(`${OPTION} ${NO_WAITING}`);
  }
}

const OPTION = "adminTools.allow";
const NO_WAITING = "must not be asynchronous: FastMCP does not wait for it. Find out in authenticate.";

/** Over stdio FastMCP passes on even what says of itself that nobody was authenticated. */
function isVerified(session: unknown): boolean {
  if (typeof session !== "object" || session === null) return false;
  return !("authenticated" in session) || Boolean(session.authenticated);
}

/**
 * FastMCP asks `canAccess` where a session was authenticated over HTTP, and shows every tool where nobody was, and
 * over stdio. There, the tools are taken away before the session begins.
 */
export function hideFromStrangers<T extends FastMCPSessionAuth>(
  server: FastMCP<T>,
  tools: readonly Tool<T>[],
  door: AdminDoor<T>,
): void {
  const { start, connect, addTools } = boundMethods(server);
  const names = tools.map(({ name }) => name);
  const authenticate = authenticateOf(server);
  let areGone = false;
  const putBack = () => areGone || addTools([...tools]);
  server.start = async (options) => {
    areGone = authenticate === undefined;
    const isHttp = options?.transportType === "httpStream";
    if (!areGone && (isHttp || door.isOpenTo(await stdioSession(authenticate)))) return start(options);
    server.removeTools(names);
    await start(options);
    // No session yet: the command line or the environment made it HTTP, where `canAccess` is asked.
    if (server.sessions.length === 0) putBack();
  };
  server.connect = (transport, auth) => {
    if (auth) return connect(transport, auth);
    server.removeTools(names);
    try {
      return connect(transport, auth); // the session has its tools when this returns
    } finally {
      putBack();
    }
  };
}

function boundMethods<T extends FastMCPSessionAuth>(server: FastMCP<T>) {
  return {
    start: server.start.bind(server),
    connect: server.connect.bind(server),
    addTools: server.addTools.bind(server),
  };
}

type Authenticate = (request: undefined) => Promise<unknown>;

/** How a server finds out who is there; `undefined` where it does not. */
function authenticateOf<T extends FastMCPSessionAuth>({ options }: FastMCP<T>): Authenticate | undefined {
  const { auth, authenticate } = options;
  return (authenticate ?? auth?.authenticate.bind(auth)) as Authenticate | undefined;
}

/** What FastMCP will take for the session over stdio; nobody where `authenticate` wants a request. */
async function stdioSession(authenticate: Authenticate | undefined): Promise<unknown> {
  try {
    return await authenticate?.(undefined);
  } catch {
    return undefined;
  }
}

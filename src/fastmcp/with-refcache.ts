import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { Context, FastMCP, FastMCPSessionAuth, Tool } from "fastmcp";
import type { Actor } from "../access/actor.js";
import { runAs } from "../access/current.js";
import { type Answer, isAnswer, isBoundedAnswer } from "../answer.js";
import { type CachedTarget, cachedTarget } from "../decorate.js";
import { ConfigurationError } from "../errors.js";
import type { RefCache } from "../refcache.js";
import { isTaskAnswer } from "../tasks/task-answer.js";
import { toldBy } from "../tasks/tell.js";
import { AdminDoor, hideFromStrangers } from "./admin-door.js";
import { type AdminToolsOptions, adminTools } from "./admin-tools.js";
import { cancelTask } from "./cancelling.js";
import { detachedContext } from "./detached-context.js";
import { type IdentifyActor, identify, type WhoIs } from "./identity.js";
import { refCacheInstructions } from "./instructions.js";
import { notifyProgress, withTask } from "./progress.js";
import { quietContext } from "./quiet-context.js";
import { addReferenceTemplate, getCachedResult } from "./reading.js";
import { type FormatIssues, toErrorResult, toResult } from "./results.js";
import { describeRetention } from "./retention.js";
import { jsonSchemaOf, lettingReferencesPast, orReference } from "./schemas.js";

/** Options of {@link withRefCache}. */
export interface WithRefCacheOptions<T extends FastMCPSessionAuth = FastMCPSessionAuth> {
  /** Tells who a caller is, from the verified session. Default: see the README, "Who may see, who may use". */
  readonly actor?: IdentifyActor<T> | undefined;
  /** Add the tool `get_cached_result`, and `cancel_task` where a tool has `asyncTimeout`. Default `true`. */
  readonly tools?: boolean | undefined;
  /** Add the resource template `refcache://{refId}`. Default `true`. */
  readonly resources?: boolean | undefined;
  /** Add {@link refCacheInstructions} to the server's instructions. Default `true`. */
  readonly instructions?: boolean | undefined;
  /** Add tools for administrators, which others do not see. Default: none. */
  readonly adminTools?: AdminToolsOptions<T> | undefined;
}

const wrapped = new WeakMap<object, RefCache>();

/**
 * Teaches a FastMCP server to take and give references. Call it before the first `addTool`: tools added earlier
 * are out of its reach. Returns the same server.
 *
 * @throws {ConfigurationError} when the server has another cache already.
 * @example
 * ```ts
 * const server = withRefCache(new FastMCP({ name: "Calculator", version: "1.0.0" }), cache);
 * ```
 */
export function withRefCache<T extends FastMCPSessionAuth>(
  server: FastMCP<T>,
  cache: RefCache,
  options: WithRefCacheOptions<T> = {},
): FastMCP<T> {
  const other = wrapped.get(server);
  if (other === cache) return server;
  if (other !== undefined) throw new ConfigurationError("cache", "this server has another RefCache already");
  const door = options.adminTools && new AdminDoor(options.adminTools.allow, cache.logger);
  wrapped.set(server, cache);
  const whoIs: WhoIs<T> = (caller) => identify(caller, options.actor, cache.logger);
  if (options.tools !== false) server.addTool(getCachedResult(cache, whoIs));
  if (options.resources !== false) addReferenceTemplate(server, cache, whoIs);
  if (options.instructions !== false) addInstructions(server, cache);
  if (door !== undefined) addAdminTools(server, adminTools(cache, whoIs, door), door);
  const wrapper = new ToolWrapper(server, cache, whoIs);
  if (options.tools !== false) offerCancelling(server, wrapper, cancelTask(cache, whoIs));
  wrapAdding(server, wrapper);
  return server;
}

/** With the first tool that makes tasks: each token of a description is paid on every call. */
function offerCancelling<T extends FastMCPSessionAuth>(
  server: FastMCP<T>,
  wrapper: ToolWrapper<T>,
  tool: ReturnType<typeof cancelTask<T>>,
): void {
  const addTool = server.addTool.bind(server);
  wrapper.onLongTool = () => {
    wrapper.onLongTool = () => {};
    addTool(tool);
  };
}

function addAdminTools<T extends FastMCPSessionAuth>(
  server: FastMCP<T>,
  tools: Tool<T>[],
  door: AdminDoor<T>,
): void {
  server.addTools(tools);
  hideFromStrangers(server, tools, door);
}

function addInstructions<T extends FastMCPSessionAuth>({ options }: FastMCP<T>, cache: RefCache): void {
  const ours = refCacheInstructions(cache);
  if (options.instructions?.includes(ours)) return;
  options.instructions = options.instructions === undefined ? ours : `${options.instructions}\n\n${ours}`;
}

/** FastMCP has no middleware; both ways to add a tool are public and neither calls the other. */
function wrapAdding<T extends FastMCPSessionAuth>(server: FastMCP<T>, wrapper: ToolWrapper<T>): void {
  const addTool = server.addTool.bind(server);
  const addTools = server.addTools.bind(server);
  const wrap = (tool: unknown) => wrapper.wrap(tool as Tool<T>); // what a tool's schema infers is lost here, and not needed
  server.addTool = (tool) => addTool(wrap(tool));
  server.addTools = (tools) => addTools(tools.map(wrap));
}

type Execute<T extends FastMCPSessionAuth> = Tool<T>["execute"];

/** Wraps tools, cached ones and others, so that they run as their caller and answer in FastMCP's form. */
class ToolWrapper<T extends FastMCPSessionAuth> {
  readonly #server: FastMCP<T>;
  readonly #cache: RefCache;
  readonly #whoIs: WhoIs<T>;
  readonly #done = new WeakSet<object>();
  /** Called with each tool that makes tasks. */
  onLongTool = () => {};

  constructor(server: FastMCP<T>, cache: RefCache, whoIs: WhoIs<T>) {
    this.#server = server;
    this.#cache = cache;
    this.#whoIs = whoIs;
  }

  wrap(tool: Tool<T>): Tool<T> {
    if (this.#done.has(tool)) return tool;
    const target = cachedTarget(tool.execute);
    const result = target === undefined ? this.#wrapPlain(tool) : this.#wrapCached(tool, target);
    this.#done.add(result);
    return result;
  }

  #wrapPlain(tool: Tool<T>): Tool<T> {
    const execute = this.#asCaller(tool, async (args, context, actor) => {
      const run = async (): Promise<unknown> =>
        tool.execute(args, quietContext(context, this.#cache, tool.name));
      const result = await this.#cache.callAs(actor, run, tool.name);
      return isAnswer(result) || toldBy(result) ? toResult(result as Answer, false) : result;
    });
    return { ...tool, execute };
  }

  #wrapCached(tool: Tool<T>, { cached, self }: CachedTarget): Tool<T> {
    const { resolveRefs } = cached;
    const letting =
      tool.parameters === undefined || resolveRefs === false
        ? undefined
        : lettingReferencesPast(tool.parameters, resolveRefs, this.#cache.limits);
    const hasOutputSchema = tool.outputSchema !== undefined;
    const isLong = cached.asyncTimeout !== undefined;
    if (isLong) this.onLongTool();
    cached.serve({ self, tool: tool.name, validate: letting?.validate, context: detachedContext, withTask });
    const expected = isLong ? new ExpectedSchema(tool.outputSchema) : undefined;
    const execute = this.#asCaller(tool, async (args, context, actor) => {
      const pending = letting?.isPending(args) === true ? { validate: letting.validate } : {};
      const finish = ([first, ...rest]: readonly unknown[]) => [
        first,
        ...rest.map((parameter) => quietContext(parameter, this.#cache, tool.name)),
      ];
      const { signal } = context;
      const long = isLong && {
        onProgress: notifyProgress(context),
        withTask,
        expectedSchema: expected?.schema,
      };
      const call = { self, params: [args, context], keyed: 1, tool: tool.name, finish, signal, ...long };
      const answer = await runAs(actor, () => cached.call({ ...call, ...pending }));
      return toResult(answer, hasOutputSchema);
    });
    return {
      ...tool,
      description: describe(tool.description, cached.ttl, isLong),
      ...(letting === undefined ? {} : { parameters: letting.schema }),
      ...(tool.outputSchema === undefined
        ? {}
        : { outputSchema: orReference(tool.outputSchema, isReferenceAnswer) }),
      execute,
    };
  }

  /** Runs in the caller's name, and turns the errors that a caller can act on into results. */
  #asCaller(
    tool: Tool<T>,
    execute: (args: unknown, context: Context<T>, actor: Actor) => Promise<unknown>,
  ): Execute<T> {
    return async (args, context) => {
      try {
        return await execute(args, context, await this.#whoIs(context));
      } catch (error) {
        return toErrorResult(error, tool.name, this.#cache.logger, this.#formatIssues);
      }
    };
  }

  get #formatIssues(): FormatIssues | undefined {
    return this.#server.options.utils?.formatInvalidParamsErrorMessage;
  }
}

/** The JSON Schema of what a tool gives, known a moment after it was asked for. */
class ExpectedSchema {
  schema: unknown;

  constructor(outputSchema: StandardSchemaV1 | undefined) {
    if (outputSchema === undefined) return;
    jsonSchemaOf(outputSchema).then(
      ({ $schema: _, ...schema }) => {
        this.schema = schema;
      },
      () => {}, // FastMCP tells, when it lists the tool
    );
  }
}

/** An answer that holds no value, or part of it: the tool's own schema does not describe it. */
function isReferenceAnswer(output: unknown): boolean {
  return isBoundedAnswer(output) || isTaskAnswer(output);
}

function describe(description: string | undefined, ttl: number | null | undefined, isLong: boolean): string {
  const kept = ttl === undefined ? "until its expires_at" : describeRetention(ttl);
  const retention = `Large${isLong ? " or slow" : ""} results: a ref_id, kept ${kept}.`;
  return description === undefined ? retention : `${description} ${retention}`;
}

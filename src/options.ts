import { z } from "zod";
import { type AuditHook, AuditLog } from "./access/audit.js";
import type { Membership } from "./access/control.js";
import { checkNamespace } from "./access/namespace.js";
import { DEFAULT_POLICY, makePolicy, type Policy } from "./access/policy.js";
import {
  type Compression,
  type CompressionOptions,
  compressionShape,
  resolveCompression,
} from "./at-rest/compression.js";
import type { Keyring } from "./at-rest/keyring.js";
import { type EncryptionOptions, encryptionShape, makeKeyring } from "./at-rest/options.js";
import type { CacheBackend } from "./backends/backend.js";
import { MemoryBackend } from "./backends/memory/backend.js";
import {
  type Coordination,
  type CoordinationOptions,
  coordinationShape,
  resolveCoordination,
} from "./coordination/options.js";
import { type Duration, parseDuration } from "./duration.js";
import { ConfigurationError } from "./errors.js";
import { type Logger, stderrLogger } from "./logger.js";
import { characters, type SizeMeasure, tokens } from "./preview/measure.js";
import type { PreviewStrategy } from "./preview/preview.js";
import { checkCacheName } from "./reference.js";
import {
  type ResolvedTaskOptions,
  resolveTaskOptions,
  type TaskOptions,
  taskOptionsShape,
} from "./tasks/options.js";

/** How large values are shown. Each level (call, tool, namespace, cache) may set either and leave the other. */
export interface PreviewOptions {
  /** `sample` shows evenly spaced items (the default), `paginate` the first page, `truncate` the beginning. */
  readonly preview?: PreviewStrategy | undefined;
  /** The most an answer may show, in the unit of the measure; a value no larger is shown whole. Default 1,000. */
  readonly maxSize?: number | undefined;
}

/** What holds for one namespace, or for all that begin with a prefix. */
export interface NamespaceOptions extends PreviewOptions {
  readonly ttl?: Duration | null | undefined;
  readonly policy?: Partial<Policy> | undefined;
}

/** Bounds on what the cache takes in and gives out. */
export interface Limits {
  /** Bytes of JSON text one value may have. Default 128 MiB. */
  readonly maxValueBytes: number;
  /** Levels of nesting of a value or of arguments. Default 500; Python cannot read beyond about 990. */
  readonly maxDepth: number;
  /** References resolved in one call's arguments. Default 64. */
  readonly maxReferences: number;
  /** Bytes of JSON text resolved in one call's arguments. Default 256 MiB. */
  readonly maxResolvedBytes: number;
  /** Items on one page. Default 1,000. */
  readonly maxPageSize: number;
  /** Hard cap on any preview or page, whatever is asked, in the unit of the measure. Default 8,000. */
  readonly maxPreviewSize: number;
  /** Hard cap on a value shown in full, in the unit of the measure. Default 25,000. */
  readonly maxFullSize: number;
  /** Shortest life of an entry. Default 1 second. */
  readonly minTtl: Duration;
  /** Time in which the source of a stream must give something. Default 5 minutes, which is the most. */
  readonly maxStreamPause: Duration;
  /** Longest life of an entry; `null` for none, and only then may an entry live for ever. Default `null`. */
  readonly maxTtl: Duration | null;
}

/** What a {@link RefCache} is made with; only `name` is required. */
export interface RefCacheOptions extends PreviewOptions {
  /** Begins every reference this cache makes: letters, digits, `_` and `-`. Give each server its own. */
  readonly name: string;
  /** Where entries live. Default: in this process's memory. */
  readonly backend?: CacheBackend | undefined;
  /** How long entries live. Default `"1h"`; `null` for ever. */
  readonly defaultTtl?: Duration | null | undefined;
  /** Who may do what. Default: the wire format's, users all, agents READ and EXECUTE. */
  readonly defaultPolicy?: Partial<Policy> | undefined;
  /** What differs by namespace, under its name or a `prefix:*`. */
  readonly namespaces?: Readonly<Record<string, NamespaceOptions>> | undefined;
  readonly limits?: Partial<Limits> | undefined;
  /** What sizes are counted in: estimated `"tokens"` (default), `"characters"`, or a tokenizer of yours. */
  readonly measure?: "tokens" | "characters" | SizeMeasure | undefined;
  /** Where warnings go. Default: stderr, warnings and errors only. */
  readonly logger?: Logger | undefined;
  /** What a cached tool does when the store fails: `answer` without a reference (default), or `throw`. */
  readonly onStoreError?: "answer" | "throw" | undefined;
  /** Tells who belongs to `org:<id>` and `shared:<id>`. Default: nobody. */
  readonly members?: Membership | undefined;
  /** Gets one record for each decision about access. */
  readonly audit?: AuditHook | undefined;
  /**
   * Log the messages of errors that tools throw after they used values which their callers may not see. They may
   * quote them. Default `false`: a correlation id alone.
   */
  readonly logHiddenErrors?: boolean | undefined;
  /**
   * How servers on one store share the work of equal calls of cached functions. Default: one runs, the others wait for
   * its result. `false`: each runs for itself.
   */
  readonly coordination?: CoordinationOptions | false | undefined;
  /** Bounds on long-running calls of tools with `asyncTimeout`, and who runs them. */
  readonly tasks?: TaskOptions | undefined;
  /** Keys under which values are encrypted in the store. Default: none; values are stored as they are. */
  readonly encryption?: EncryptionOptions | undefined;
  /**
   * Compresses larger values in the store; `true` by default settings. Default: no, as servers of the Python package
   * cannot read them then.
   */
  readonly compression?: CompressionOptions | boolean | undefined;
}

/** Limits with durations in milliseconds. */
export interface ResolvedLimits extends Omit<Limits, "minTtl" | "maxTtl" | "maxStreamPause"> {
  readonly maxStreamPause: number;
  readonly minTtl: number;
  readonly maxTtl: number | null;
}

/** What holds for a namespace once every level has been asked. */
export interface NamespaceSettings {
  readonly preview: PreviewStrategy;
  readonly maxSize: number;
  /** Milliseconds, `null` for ever. */
  readonly ttl: number | null;
  readonly policy: Policy;
}

/** Options with every default filled in and every value checked. */
export interface ResolvedOptions {
  readonly name: string;
  readonly backend: CacheBackend;
  readonly defaults: NamespaceSettings;
  readonly namespaces: ReadonlyMap<string, NamespaceSettings>;
  readonly limits: ResolvedLimits;
  readonly measure: SizeMeasure;
  readonly logger: Logger;
  readonly onStoreError: "answer" | "throw";
  readonly members: Membership | undefined;
  readonly audit: AuditLog | undefined;
  readonly logHiddenErrors: boolean;
  readonly keyring: Keyring | undefined;
  /** `undefined` where values are not compressed. */
  readonly compression: Compression | undefined;
  /** `undefined` where calls are not coordinated. */
  readonly coordination: Coordination | undefined;
  readonly tasks: ResolvedTaskOptions;
}

const DEFAULT_LIMITS: Limits = {
  maxValueBytes: 128 * 1024 * 1024,
  maxDepth: 500,
  maxReferences: 64,
  maxResolvedBytes: 256 * 1024 * 1024,
  maxPageSize: 1000,
  maxPreviewSize: 8000,
  maxFullSize: 25_000,
  maxStreamPause: "5m",
  minTtl: "1s",
  maxTtl: null,
};

/** What is written of a stream is kept for ten minutes after the last piece. */
const LONGEST_PAUSE = 300_000;

/** An hour, in milliseconds. */
const ORDINARY_TTL = 3_600_000;

/** Below this, not even a preview of nothing is sure to fit. */
const SMALLEST_PREVIEW = 10;

const positive = z.int().positive();
const previewSize = z.int().min(SMALLEST_PREVIEW);
const duration = z.union([z.number(), z.string()]);
/** What {@link PreviewOptions} must be, on whatever level. */
export const previewShape = {
  preview: z.enum(["sample", "paginate", "truncate"]).optional(),
  maxSize: previewSize.optional(),
};
const withMethods = <T>(what: string, ...methods: string[]) =>
  z.custom<T>((value) => methods.every((method) => typeof (value as never)?.[method] === "function"), {
    message: `must be ${what} (an object with ${methods.join(", ")})`,
  });

const hook = z.custom<never>((value) => typeof value === "function", { message: "must be a function" });

const schema = z.strictObject({
  name: z.string(),
  backend: withMethods<CacheBackend>(
    "a backend",
    "get",
    "set",
    "delete",
    "exists",
    "clear",
    "keys",
    "close",
  ).optional(),
  defaultTtl: duration.nullable().optional(),
  defaultPolicy: z.looseObject({}).optional(),
  namespaces: z
    .record(
      z.string(),
      z.strictObject({
        ttl: duration.nullable().optional(),
        policy: z.looseObject({}).optional(),
        ...previewShape,
      }),
    )
    .optional(),
  ...previewShape,
  limits: z
    .strictObject({
      maxValueBytes: positive,
      maxDepth: positive,
      maxReferences: positive,
      maxResolvedBytes: positive,
      maxPageSize: positive,
      maxPreviewSize: previewSize,
      maxFullSize: previewSize,
      maxStreamPause: duration,
      minTtl: duration,
      maxTtl: duration.nullable(),
    })
    .partial()
    .optional(),
  measure: z
    .union([z.enum(["tokens", "characters"]), withMethods<SizeMeasure>("a measure", "count")], {
      error: 'must be "tokens", "characters" or an object with unit and count',
    })
    .optional(),
  logger: withMethods<Logger>("a logger", "debug", "info", "warn", "error").optional(),
  onStoreError: z.enum(["answer", "throw"]).optional(),
  members: hook.optional(),
  audit: hook.optional(),
  logHiddenErrors: z.boolean().optional(),
  encryption: encryptionShape.optional(),
  compression: compressionShape.optional(),
  coordination: coordinationShape.optional(),
  tasks: taskOptionsShape.optional(),
});

/**
 * Checks options and fills in defaults.
 * @throws {ConfigurationError} naming the first option that is not acceptable.
 */
export function resolveOptions(options: RefCacheOptions): ResolvedOptions {
  checkShape(schema, options);
  const limits = resolveLimits(options.limits ?? {});
  const defaults = resolveDefaults(options, limits);
  const logger = options.logger ?? stderrLogger;
  return {
    name: checkCacheName(options.name),
    backend: options.backend ?? new MemoryBackend(),
    defaults,
    namespaces: resolveNamespaces(options.namespaces ?? {}, defaults, limits),
    limits,
    measure: resolveMeasure(options.measure ?? "tokens"),
    logger,
    onStoreError: options.onStoreError ?? "answer",
    members: options.members,
    audit: options.audit && new AuditLog(options.audit, logger),
    logHiddenErrors: options.logHiddenErrors ?? false,
    keyring: options.encryption && makeKeyring(options.encryption),
    compression: resolveCompression(options.compression),
    coordination: resolveCoordination(options.coordination),
    tasks: resolveTaskOptions(options.tasks),
  };
}

/**
 * Checks a value against a schema.
 * @throws {ConfigurationError} naming the option at fault, under `prefix` where one is given.
 */
export function checkShape(shape: z.ZodType, value: unknown, prefix = ""): void {
  const issue = shape.safeParse(value).error?.issues[0];
  if (issue === undefined) return;
  const unknown = issue.code === "unrecognized_keys" ? issue.keys.slice(0, 1) : [];
  const option = [...(prefix ? [prefix] : []), ...issue.path, ...unknown].map(String).join(".");
  throw new ConfigurationError(option || "options", unknown.length > 0 ? "is not an option" : issue.message);
}

/**
 * Reads a time to live and holds it against the limits.
 * @returns milliseconds, or `null` for ever.
 * @throws {ConfigurationError} naming the option.
 */
export function resolveTtl(ttl: Duration | null, limits: ResolvedLimits, option: string): number | null {
  if (ttl === null) {
    if (limits.maxTtl === null) return null;
    throw new ConfigurationError(option, "may not be null, since limits.maxTtl is set");
  }
  const milliseconds = parseDuration(ttl, option);
  if (milliseconds >= limits.minTtl && milliseconds <= (limits.maxTtl ?? Number.POSITIVE_INFINITY))
    return milliseconds;
  const range = `${limits.minTtl} to ${limits.maxTtl ?? "any number of"} milliseconds`;
  throw new ConfigurationError(option, `must be within limits.minTtl and limits.maxTtl (${range})`);
}

function resolveLimits(limits: Partial<Limits>): ResolvedLimits {
  const given = Object.entries(limits).filter(([, limit]) => limit !== undefined);
  const all: Limits = { ...DEFAULT_LIMITS, ...Object.fromEntries(given) };
  const minTtl = parseDuration(all.minTtl, "limits.minTtl");
  const maxTtl = all.maxTtl === null ? null : parseDuration(all.maxTtl, "limits.maxTtl");
  if (maxTtl !== null && maxTtl < minTtl)
    throw new ConfigurationError("limits.maxTtl", "is below limits.minTtl");
  const maxStreamPause = parseDuration(all.maxStreamPause, "limits.maxStreamPause");
  if (maxStreamPause > LONGEST_PAUSE)
    throw new ConfigurationError("limits.maxStreamPause", "may be 5 minutes at most");
  return { ...all, minTtl, maxTtl, maxStreamPause };
}

function resolveDefaults(options: RefCacheOptions, limits: ResolvedLimits): NamespaceSettings {
  const { minTtl, maxTtl } = limits;
  const ordinary = Math.max(minTtl, Math.min(ORDINARY_TTL, maxTtl ?? ORDINARY_TTL));
  return {
    ttl: options.defaultTtl === undefined ? ordinary : resolveTtl(options.defaultTtl, limits, "defaultTtl"),
    policy: makePolicy(options.defaultPolicy ?? {}, "defaultPolicy", DEFAULT_POLICY),
    preview: options.preview ?? "sample",
    maxSize: options.maxSize ?? 1000,
  };
}

function resolveNamespaces(
  namespaces: Readonly<Record<string, NamespaceOptions>>,
  defaults: NamespaceSettings,
  limits: ResolvedLimits,
): ReadonlyMap<string, NamespaceSettings> {
  const resolved = new Map<string, NamespaceSettings>();
  for (const [name, { ttl, policy, ...preview }] of Object.entries(namespaces)) {
    const option = `namespaces[${JSON.stringify(name)}]`;
    if (/\*(?!$)|(?<!:)\*$/.test(name)) throw new ConfigurationError(option, "may hold * only as prefix:*");
    checkNamespace(name.replace(/\*$/, "x"), option);
    resolved.set(name, {
      ttl: ttl === undefined ? defaults.ttl : resolveTtl(ttl, limits, `${option}.ttl`),
      policy: makePolicy(policy ?? {}, `${option}.policy`, defaults.policy),
      preview: preview.preview ?? defaults.preview,
      maxSize: preview.maxSize ?? defaults.maxSize,
    });
  }
  return resolved;
}

function resolveMeasure(measure: "tokens" | "characters" | SizeMeasure): SizeMeasure {
  if (typeof measure !== "string") return measure;
  return measure === "tokens" ? tokens : characters;
}

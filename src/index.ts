export { type Actor, ANONYMOUS_AGENT, SYSTEM } from "./access/actor.js";
export { encodeId } from "./access/actor-text.js";
export type { AuditHook, AuditRecord } from "./access/audit.js";
export type { Membership } from "./access/control.js";
export { currentActor, runAs, taskContext } from "./access/current.js";
export type { Group } from "./access/namespace.js";
export { Permission, type Permissions } from "./access/permission.js";
export { DEFAULT_POLICY, ownedBy, type Policy, policies } from "./access/policy.js";
export type {
  AdministeredEntry,
  AdministeredListOptions,
  AdministeredPage,
  Administration,
  WalkOptions,
} from "./administration/administration.js";
export type { NamespaceTotals, StoreStats, Totals } from "./administration/store-tally.js";
export {
  type Answer,
  type HiddenAnswer,
  isAnswer,
  type PreviewAnswer,
  type Stored,
  type ValueType,
  type WholeAnswer,
} from "./answer.js";
export type { Codec } from "./at-rest/codecs.js";
export type { CompressionOptions } from "./at-rest/compression.js";
export type { KeyMaterial } from "./at-rest/keyring.js";
export type { EncryptionOptions } from "./at-rest/options.js";
export type { ReencryptOptions, ReencryptResult } from "./at-rest/reencrypt.js";
export {
  type BackendHealth,
  type BatchStore,
  type CacheBackend,
  type CapacitySource,
  type ChangeFeed,
  type ChangeListener,
  type ChangeWatch,
  type ChannelListener,
  type ChannelMessage,
  type ChannelStore,
  type CommitOptions,
  type CopiedKey,
  type EntryWriter,
  type Eviction,
  type EvictionSource,
  type FallbackStore,
  type Found,
  type FoundTask,
  type HeadStore,
  type HealthSource,
  hasBatches,
  hasCapacity,
  hasChanges,
  hasChannel,
  hasEvictions,
  hasFallback,
  hasHeads,
  hasHealth,
  hasLabels,
  hasLeases,
  hasLinks,
  hasRanges,
  hasReplace,
  hasStreams,
  hasTasks,
  type LabelStore,
  type Lease,
  type LeaseStore,
  type LinkStore,
  type Look,
  type MayRemove,
  type NewEntry,
  type RangeStore,
  type ReplaceStore,
  type StoreCapacity,
  type StreamStore,
  type TaskStore,
} from "./backends/backend.js";
export { MemoryBackend, type MemoryBackendOptions } from "./backends/memory/backend.js";
export { TieredBackend } from "./backends/tiered/backend.js";
export type { BreakerOptions, CopyBounds, TieredBackendOptions } from "./backends/tiered/options.js";
export type { CachedOptions, Declassify, ResultTtl } from "./call.js";
export { type Environment, encryptionFromEnvironment } from "./config.js";
export type { CoordinationOptions } from "./coordination/options.js";
export type { Answered, CachedDecorator, TaskDecorator } from "./decorate.js";
export type { Duration } from "./duration.js";
export type { AtRestNote, Entry, EntryHead, EntryMetadata } from "./entry/entry.js";
export type { Label, LabelKind } from "./entry/labels.js";
export * from "./errors.js";
export type { InvalidateTarget } from "./invalidate-target.js";
export type { Logger } from "./logger.js";
export type { Limits, NamespaceOptions, PreviewOptions, RefCacheOptions } from "./options.js";
export type { ByteRange } from "./outline/text.js";
export type { OwnershipOptions } from "./placement.js";
export { type GptEncoding, gptTokens } from "./preview/gpt-tokens.js";
export { characters, type SizeMeasure, tokenizer, tokens } from "./preview/measure.js";
export type { PreviewStrategy } from "./preview/preview.js";
export {
  type ActorOptions,
  type CloseOptions,
  type GetOptions,
  type ListOptions,
  type NewValue,
  RefCache,
  type SetOptions,
} from "./refcache.js";
export { isReference, parseReference, REFERENCE_PATTERN, type RefId } from "./reference.js";
export { fromJson, fromText, type TextSource, type ValueStream } from "./streams/value-stream.js";
export type { PollOptions } from "./tasks/asking.js";
export { type McpTask, type McpTaskFacts, toMcpTask } from "./tasks/mcp-task.js";
export type { TaskOptions } from "./tasks/options.js";
export type { WireProgress } from "./tasks/progress.js";
export {
  type Retries,
  type RetryOptions,
  TransientError,
  type TransientErrorOptions,
} from "./tasks/retry.js";
export type { Delivery, Performed, RunnableCall, TaskRunner } from "./tasks/runner.js";
export type { TaskContext, TaskFailure, TaskFormat, TaskProgress, TaskStatus } from "./tasks/task.js";
export { isTaskAnswer, type TaskAnswer } from "./tasks/task-answer.js";
export type {
  CacheEvent,
  CacheEventListener,
  CacheEventMap,
  CacheEventName,
  CacheEvents,
} from "./telemetry/events.js";
export type { CacheHealth, HealthOptions, StoreProbe } from "./telemetry/health.js";
export type { OperationStats } from "./telemetry/operation-figures.js";
export type { CacheStats, CallStats, ReadStats, TaskStats } from "./telemetry/stats.js";
export type { Reference } from "./told-reference.js";

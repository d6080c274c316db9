export { type Actor, ANONYMOUS_AGENT, SYSTEM } from "./access/actor.js";
export { encodeId } from "./access/actor-text.js";
export type { AuditHook, AuditRecord } from "./access/audit.js";
export type { Membership } from "./access/control.js";
export { currentActor, runAs } from "./access/current.js";
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
export type { KeyMaterial } from "./at-rest/keyring.js";
export type { EncryptionOptions } from "./at-rest/options.js";
export type { ReencryptOptions, ReencryptResult } from "./at-rest/reencrypt.js";
export {
  type BackendHealth,
  type CacheBackend,
  type CapacitySource,
  type ChannelListener,
  type ChannelMessage,
  type ChannelStore,
  type CommitOptions,
  type EntryWriter,
  type Eviction,
  type EvictionSource,
  type HeadStore,
  type HealthSource,
  hasCapacity,
  hasChannel,
  hasEvictions,
  hasHeads,
  hasHealth,
  hasLeases,
  hasLinks,
  hasReplace,
  hasStreams,
  type Lease,
  type LeaseStore,
  type LinkStore,
  type ReplaceStore,
  type StoreCapacity,
  type StreamStore,
} from "./backends/backend.js";
export { MemoryBackend, type MemoryBackendOptions } from "./backends/memory/backend.js";
export type { CachedOptions, Declassify, ResultTtl } from "./call.js";
export { type Environment, encryptionFromEnvironment } from "./config.js";
export type { CoordinationOptions } from "./coordination/options.js";
export type { Answered, CachedDecorator } from "./decorate.js";
export type { Duration } from "./duration.js";
export type { AtRestNote, Entry, EntryHead, EntryMetadata } from "./entry/entry.js";
export * from "./errors.js";
export type { Logger } from "./logger.js";
export type { Limits, NamespaceOptions, PreviewOptions, RefCacheOptions } from "./options.js";
export type { OwnershipOptions } from "./placement.js";
export { type GptEncoding, gptTokens } from "./preview/gpt-tokens.js";
export { characters, type SizeMeasure, tokenizer, tokens } from "./preview/measure.js";
export type { PreviewStrategy } from "./preview/preview.js";
export {
  type ActorOptions,
  type GetOptions,
  type ListOptions,
  RefCache,
  type SetOptions,
} from "./refcache.js";
export { isReference, parseReference, REFERENCE_PATTERN, type RefId } from "./reference.js";
export { fromJson, fromText, type TextSource, type ValueStream } from "./streams/value-stream.js";
export type {
  CacheEvent,
  CacheEventListener,
  CacheEventMap,
  CacheEventName,
  CacheEvents,
} from "./telemetry/events.js";
export type { CacheHealth, HealthOptions, StoreProbe } from "./telemetry/health.js";
export type { OperationStats } from "./telemetry/operation-figures.js";
export type { CacheStats, CallStats, ReadStats } from "./telemetry/stats.js";
export type { Reference } from "./told-reference.js";

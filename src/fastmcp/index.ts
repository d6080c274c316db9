export type { Caller, IdentifyActor } from "./identity.js";
export { refCacheInstructions } from "./instructions.js";
export { type WithRefCacheOptions, withRefCache } from "./with-refcache.js";

export type { AllowAdministrator } from "./admin-door.js";
export type { AdminToolsOptions } from "./admin-tools.js";
export { type Authenticate, type BindSessionsOptions, bindSessions } from "./bind-sessions.js";
export type { Caller, IdentifyActor } from "./identity.js";
export { refCacheInstructions } from "./instructions.js";
export { type WithRefCacheOptions, withRefCache } from "./with-refcache.js";

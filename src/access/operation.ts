import { Permission, type Permissions } from "./permission.js";

const { READ, WRITE, UPDATE, DELETE, EXECUTE } = Permission;

/**
 * What may be asked of the cache, and which permission it takes: any one of those listed.
 * `use` is a value for a tool's argument, `answer` showing a caller the result of its own call.
 */
export const REQUIRED = {
  get: [READ],
  answer: [READ],
  resolve: [EXECUTE],
  use: [EXECUTE],
  lookup: [READ, EXECUTE],
  info: [READ, EXECUTE],
  exists: [READ, EXECUTE],
  list: [READ, EXECUTE],
  set: [WRITE],
  update: [UPDATE],
  delete: [DELETE],
  clear: [DELETE],
  invalidate: [DELETE],
} as const satisfies Record<string, readonly Permissions[]>;

/** See {@link REQUIRED}. */
export type Operation = keyof typeof REQUIRED;

/**
 * What may be done with an entry, as bit flags; the numbers are the wire format's.
 * READ shows a value, EXECUTE lets a tool use it unseen.
 */
export const Permission = {
  NONE: 0,
  READ: 1,
  WRITE: 2,
  UPDATE: 4,
  DELETE: 8,
  EXECUTE: 16,
  CRUD: 15,
  FULL: 31,
} as const;

/** A sum of {@link Permission} flags, an integer from 0 to 31. */
export type Permissions = number;

/** Tells whether a value is a sum of permission flags. */
export function isPermissions(value: unknown): value is Permissions {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= Permission.FULL;
}

/** Tells whether every bit of `required` is granted. */
export function includesPermissions(granted: Permissions, required: Permissions): boolean {
  return (granted & required) === required;
}

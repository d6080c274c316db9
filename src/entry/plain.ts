/** Tells whether an object is a plain one: made by `{}`, by `JSON.parse`, or without a prototype; of any realm. */
export function isPlainObject(value: object): value is Record<string, unknown> {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Object.prototype || prototype === null) return true;
  return Object.getPrototypeOf(prototype) === null;
}

/** Tells whether a list is of the built-in kind, of any realm, rather than of a subclass. */
export function isPlainList(list: readonly unknown[]): boolean {
  return Array.isArray(Object.getPrototypeOf(list)); // the prototype of lists is a list; those of subclasses are not
}

/**
 * Tells whether `JSON.stringify` writes a value exactly, so that the fast native path may be taken. A `false`
 * means only that the careful encoder has to look; getters that throw, throw here.
 *
 * @param depth how many levels of nesting are allowed; also what ends a cycle.
 * @param budget how many items and members are allowed; what ends a small graph that unfolds without end.
 */
export function isPlainJson(value: unknown, depth: number, budget: { left: number }): boolean {
  switch (typeof value) {
    case "string":
    case "boolean":
      return true;
    case "number":
      return isPlainNumber(value);
    case "object":
      return value === null || isPlainContainer(value, depth, budget);
    default:
      return false;
  }
}

/** Integers beyond 2^53 are left out: `JSON.stringify` writes them as digits that another reader takes for exact. */
function isPlainNumber(value: number): boolean {
  if (Number.isSafeInteger(value)) return value !== 0 || 1 / value > 0;
  return Number.isFinite(value) && !Number.isInteger(value);
}

function isPlainContainer(value: object, depth: number, budget: { left: number }): boolean {
  if (depth <= 0) return false;
  if (Array.isArray(value)) return hasPlainItems(value, depth - 1, budget);
  if (isPlainObject(value)) return hasPlainMembers(value, depth - 1, budget);
  return isPlainDate(value);
}

function hasPlainItems(list: readonly unknown[], depth: number, budget: { left: number }): boolean {
  if (!isPlainList(list) || hasToJson(list)) return false;
  budget.left -= list.length;
  if (budget.left < 0) return false;
  for (let index = 0; index < list.length; index++) {
    if (!isPlainJson(list[index], depth, budget)) return false;
  }
  return true;
}

function hasPlainMembers(object: Record<string, unknown>, depth: number, budget: { left: number }): boolean {
  if (hasToJson(object)) return false;
  for (const key in object) {
    if (--budget.left < 0) return false;
    const member = object[key];
    if (member !== undefined && !isPlainJson(member, depth, budget)) return false;
  }
  return true;
}

/** `JSON.stringify` would call it, even where it is not enumerable. */
function hasToJson(value: object): boolean {
  return (value as { toJSON?: unknown }).toJSON !== undefined;
}

function isPlainDate(value: object): boolean {
  return (
    Object.getPrototypeOf(value) === Date.prototype &&
    !Number.isNaN((value as Date).getTime()) &&
    Object.getOwnPropertyNames(value).length === 0
  );
}

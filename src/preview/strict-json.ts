/** What a leaf of a strict JSON structure can be. */
export type StrictLeaf = string | number | boolean | null;

/** Tells whether a value is a list or an object with members; a `Date` is neither. */
export function isContainer(value: unknown): value is object {
  return typeof value === "object" && value !== null && !(value instanceof Date);
}

/** Tells whether a member exists: one that is `undefined` is absent, as it is in JSON. */
export function isPresent(member: unknown): boolean {
  return member !== undefined;
}

/** The strict JSON form of anything but a list or object. */
export function strictLeaf(value: unknown): StrictLeaf {
  switch (typeof value) {
    case "string":
    case "boolean":
      return value;
    case "number":
      return strictNumber(value);
    case "bigint":
      return strictBigint(value);
    default:
      return value instanceof Date && !Number.isNaN(value.getTime()) ? value.toISOString() : null;
  }
}

/**
 * A structure that `JSON.stringify` writes without loss or surprise: big integers as decimal text, NaN and
 * the infinities as "NaN", "Infinity" and "-Infinity", dates as ISO text, absent members left out. The value
 * itself, not a copy, when it is such a structure already. Takes any depth (`JSON.stringify` does not).
 */
export function strictJson(value: unknown): unknown {
  if (!isContainer(value)) return strictLeaf(value);
  return isStrict(value) ? value : strictCopy(value);
}

/** Sets a member whatever its name: assigning to `__proto__` would change the prototype instead. */
export function setMember(target: object, key: string, value: unknown): void {
  if (key === "__proto__") {
    Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
  } else {
    (target as Record<string, unknown>)[key] = value;
  }
}

function strictNumber(value: number): number | string {
  if (!Number.isFinite(value)) return String(value);
  return value === 0 ? 0 : value;
}

function strictBigint(value: bigint): number | string {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : String(value);
}

function isStrict(root: object): boolean {
  const pending: object[] = [root];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    for (const part of Array.isArray(next) ? next : Object.values(next)) {
      if (isContainer(part)) pending.push(part);
      else if (!isPresent(part) || !Object.is(strictLeaf(part), part)) return false;
    }
  }
  return true;
}

/** Copies from the top down with a list of work instead of recursion, so that depth is no concern. */
function strictCopy(root: object): object {
  const result = emptyLike(root);
  const pending: [source: object, target: object][] = [[root, result]];
  const copyOf = (value: unknown): unknown => {
    if (!isContainer(value)) return strictLeaf(value);
    const copy = emptyLike(value);
    pending.push([value, copy]);
    return copy;
  };
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) fill(...next, copyOf);
  return result;
}

function fill(source: object, target: object, copyOf: (value: unknown) => unknown): void {
  if (Array.isArray(source) && Array.isArray(target)) {
    for (const item of source) target.push(copyOf(item));
    return;
  }
  for (const [key, member] of Object.entries(source)) {
    if (isPresent(member)) setMember(target, key, copyOf(member));
  }
}

function emptyLike(value: object): object {
  return Array.isArray(value) ? [] : {};
}

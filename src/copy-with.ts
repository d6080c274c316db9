/** A copy, prototype and getters included, in which some members have other values; further ones are added. */
export function copyWith<T extends object, V extends Readonly<Record<string, unknown>>>(
  original: T,
  values: V,
): T & V {
  const copy = Object.create(Object.getPrototypeOf(original));
  for (const name of new Set([...Reflect.ownKeys(original), ...Object.keys(values)])) {
    const former = Object.getOwnPropertyDescriptor(original, name) ?? {};
    const { enumerable = true, configurable = true } = former;
    const isNew = typeof name === "string" && Object.hasOwn(values, name);
    const changed = isNew && { value: values[name], enumerable, configurable, writable: true };
    Object.defineProperty(copy, name, changed || former);
  }
  return copy;
}

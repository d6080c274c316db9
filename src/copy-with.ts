/** A copy, prototype and getters included, in which some members have other values; further ones are added. */
export function copyWith<T extends object, V extends Readonly<Record<string, unknown>>>(
  original: T,
  values: V,
): T & V {
  const copy = Object.create(Object.getPrototypeOf(original));
  const names = new Set([...Reflect.ownKeys(original), ...Object.keys(values)]);
  for (const name of names) {
    const own = Object.getOwnPropertyDescriptor(original, name);
    const { enumerable = true, configurable = true } = own ?? {};
    const isNew = typeof name === "string" && Object.hasOwn(values, name);
    const other = isNew && { value: values[name], enumerable, configurable, writable: true };
    Object.defineProperty(copy, name, other || (own as PropertyDescriptor));
  }
  return copy;
}

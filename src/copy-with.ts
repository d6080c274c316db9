/** A copy, prototype and getters included, in which some members have other values; further ones are added. */
export function copyWith<T extends object, V extends Readonly<Record<string, unknown>>>(
  original: T,
  values: V,
): T & V {
  const copy = Object.create(Object.getPrototypeOf(original));
  for (const name of Reflect.ownKeys(original).filter((name) => !Object.hasOwn(values, name)))
    Object.defineProperty(copy, name, Object.getOwnPropertyDescriptor(original, name) as PropertyDescriptor);
  for (const [name, value] of Object.entries(values)) {
    const { enumerable = true, configurable = true } = Object.getOwnPropertyDescriptor(original, name) ?? {};
    Object.defineProperty(copy, name, { value, enumerable, configurable, writable: true });
  }
  return copy;
}

import { ConfigurationError } from "../errors.js";

/** The namespace of values for which none was given. */
export const PUBLIC_NAMESPACE = "public";

const LONGEST = 200;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused
const CONTROL = /[\u0000-\u001f\u007f]/;

/**
 * Checks a namespace: 1 to 200 characters, none of them a control character.
 * @throws {ConfigurationError} naming the option.
 */
export function checkNamespace(namespace: unknown, option = "namespace"): string {
  if (
    typeof namespace === "string" &&
    namespace !== "" &&
    namespace.length <= LONGEST &&
    !CONTROL.test(namespace)
  ) {
    return namespace;
  }
  throw new ConfigurationError(
    option,
    `must be a text of 1 to ${LONGEST} characters without control characters`,
  );
}

/**
 * Picks what is configured for a namespace: its exact name first, then the longest `prefix:*` that covers it.
 */
export function pickForNamespace<T>(configured: ReadonlyMap<string, T>, namespace: string): T | undefined {
  const exact = configured.get(namespace);
  if (exact !== undefined) return exact;
  for (let colon = namespace.lastIndexOf(":"); colon > 0; colon = namespace.lastIndexOf(":", colon - 1)) {
    const found = configured.get(`${namespace.slice(0, colon)}:*`);
    if (found !== undefined) return found;
  }
  return undefined;
}

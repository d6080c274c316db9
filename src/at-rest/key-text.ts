import { ConfigurationError } from "../errors.js";
import { readKeys } from "./keyring.js";

/**
 * Reads keys written as `name:base64,name2:base64`; blanks around a pair do not matter.
 * @throws {ConfigurationError} naming the variable; quotes no key.
 */
export function parseKeys(text: string, variable: string): Record<string, string> {
  const pairs = text.split(",").map((pair) => pairOf(pair.trim(), variable));
  const names = new Set(pairs.map(([keyId]) => keyId));
  if (names.size < pairs.length) throw new ConfigurationError(variable, "names two keys alike");
  readKeys(pairs, variable);
  return Object.fromEntries(pairs);
}

function pairOf(pair: string, variable: string): readonly [keyId: string, key: string] {
  const colon = pair.indexOf(":");
  if (colon === -1)
    throw new ConfigurationError(variable, "must be name:base64, or several joined by commas");
  return [pair.slice(0, colon), pair.slice(colon + 1)];
}

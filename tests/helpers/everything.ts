/** All texts and numbers that can be got at from a value: members of whatever kind, messages, stacks and causes. */
export function everythingIn(value: unknown): string {
  const texts: string[] = [];
  const seen = new Set<unknown>();
  const visit = (part: unknown): void => {
    if (typeof part !== "object" || part === null) {
      texts.push(String(part));
      return;
    }
    if (seen.has(part)) return;
    seen.add(part);
    for (const key of Reflect.ownKeys(part)) {
      texts.push(String(key));
      visit(Reflect.get(part, key));
    }
    if (part instanceof Map) visit([...part]);
    if (part instanceof Error) texts.push(part.name, part.message, String(part.stack), String(part));
  };
  visit(value);
  return texts.join("\n");
}

/** Different labels before all further ones are `other`. */
const MOST_LABELS = 100;

/** Makes few labels of any number of namespaces: metrics keep a row for each label they ever saw. */
export class NamespaceLabels {
  readonly #labels = new Set<string>();

  /** The namespace up to its first colon, behind which there are ids: `user:*` for `user:alice:drafts`. */
  of(namespace: string): string {
    const colon = namespace.indexOf(":");
    const label = colon === -1 ? namespace : `${namespace.slice(0, colon)}:*`;
    if (this.#labels.has(label)) return label;
    if (this.#labels.size >= MOST_LABELS) return "other";
    this.#labels.add(label);
    return label;
  }
}

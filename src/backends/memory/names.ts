/** Names that lead to slots. They go with what is in the slot. */
export class Names {
  readonly #slots = new Map<string, number>();
  /** The names that lead to a slot, most often one. */
  readonly #names: (string | readonly string[] | undefined)[] = [];

  /** The slot a name leads to. */
  find(name: string): number | undefined {
    return this.#slots.get(name);
  }

  /** Makes a name lead to a slot, and no longer to another one. */
  set(name: string, slot: number): void {
    const former = this.#slots.get(name);
    if (former === slot) return;
    if (former !== undefined)
      this.#keep(
        former,
        this.#of(former).filter((other) => other !== name),
      );
    this.#slots.set(name, slot);
    this.#keep(slot, [...this.#of(slot), name]);
  }

  /** Takes away the names that lead to a slot. */
  forget(slot: number): void {
    if (this.#names[slot] === undefined) return;
    for (const name of this.#of(slot)) this.#slots.delete(name);
    this.#names[slot] = undefined;
  }

  /** Takes away all names. */
  clear(): void {
    this.#slots.clear();
    this.#names.length = 0;
  }

  #of(slot: number): readonly string[] {
    const names = this.#names[slot] ?? [];
    return typeof names === "string" ? [names] : names;
  }

  #keep(slot: number, names: readonly string[]): void {
    while (this.#names.length < slot) this.#names.push(undefined); // an array with holes is a slow one
    this.#names[slot] = names.length < 2 ? names[0] : names;
  }
}

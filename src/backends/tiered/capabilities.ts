import type { Entry } from "../../entry/entry.js";
import {
  type CacheBackend,
  type HeadStore,
  hasHeads,
  hasLinks,
  hasReplace,
  type LinkStore,
  type ReplaceStore,
} from "../backend.js";
import type { Tiers } from "./tiers.js";

/**
 * The methods of every capability that the store behind the tiers has, and of no other: callers ask by them what a
 * backend can do. This is the one place where a new capability is told to the tiers. One that reads or writes entries
 * has functions here; one that does not is a row of `HANDED_ON`; one that is neither is left out.
 */
export function capabilitiesOf(tiers: Tiers): object {
  const { store } = tiers;
  return {
    ...(hasHeads(store) ? heads(tiers, store) : {}),
    ...(hasLinks(store) ? links(tiers, store) : {}),
    ...(hasReplace(store) ? replacing(tiers, store) : {}),
    ...handedOn(tiers, store),
  };
}

function heads(tiers: Tiers, store: HeadStore): HeadStore {
  return {
    head: (refId) => tiers.head(refId, () => store.head(refId)),
    heads: (namespace) => tiers.guard.each(() => store.heads(namespace)),
  };
}

function links(tiers: Tiers, store: LinkStore): LinkStore {
  return {
    getLink: (name) => tiers.link(name, () => store.getLink(name)),
    setLinked: (refId, entry, name) =>
      tiers.put({ refId, entry, name }, () => store.setLinked(refId, entry, name)),
  };
}

function replacing(tiers: Tiers, store: ReplaceStore): ReplaceStore {
  return {
    replace: (refId: string, entry: Entry) =>
      tiers.write({ refId, entry }, () => store.replace(refId, entry), Boolean),
  };
}

/** A capability by the names of its methods: all of them, or the store does not have it. */
interface HandedOn {
  /** Called as they are: they return something else than a promise. */
  readonly plain?: readonly string[];
  /** Fail at once while the store is left alone. */
  readonly asked?: readonly string[];
  /** As `asked`; they change entries or links, so copies are dropped. */
  readonly changing?: readonly string[];
}

const HANDED_ON: readonly HandedOn[] = [];

type Method = (...args: readonly unknown[]) => unknown;

function handedOn(tiers: Tiers, store: CacheBackend, rows = HANDED_ON): Record<string, Method> {
  const methods: Record<string, Method> = {};
  const members = store as unknown as Readonly<Record<string, Method>>;
  for (const { plain = [], asked = [], changing = [] } of rows) {
    if (![...plain, ...asked, ...changing].every((name) => name in store)) continue;
    const call = (name: string, args: readonly unknown[]) => members[name]?.(...args);
    for (const name of plain) methods[name] = (...args) => call(name, args);
    for (const name of asked) methods[name] = (...args) => tiers.guard.ask(async () => call(name, args));
    for (const name of changing) methods[name] = (...args) => tiers.change(async () => call(name, args));
  }
  return methods;
}

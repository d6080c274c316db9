import { bears } from "../../entry/labels.js";
import {
  type BatchStore,
  type CapacitySource,
  type ChannelStore,
  type HeadStore,
  hasBatches,
  hasCapacity,
  hasChannel,
  hasHeads,
  hasLabels,
  hasLeases,
  hasLinks,
  hasRanges,
  hasReplace,
  hasStreams,
  hasTasks,
  type LabelStore,
  type LeaseStore,
  type LinkStore,
  type RangeStore,
  type ReplaceStore,
  type TaskStore,
} from "../backend.js";
import { streams } from "./streams.js";
import type { Tiers } from "./tiers.js";

/**
 * The methods of every capability that the store behind the tiers has, and of no other: callers ask by them what a
 * backend can do. This is the one place where the tiers are told of a new capability; one that they are not told of,
 * they do not have, and callers do without.
 */
export function capabilitiesOf(tiers: Tiers): object {
  const { store } = tiers;
  return {
    ...(hasHeads(store) ? heads(tiers, store) : {}),
    ...(hasLinks(store) ? links(tiers, store) : {}),
    ...(hasReplace(store) ? replacing(tiers, store) : {}),
    ...(hasRanges(store) ? ranges(tiers, store) : {}),
    ...(hasBatches(store) ? batches(tiers, store) : {}),
    ...(hasLabels(store) ? labels(tiers, store) : {}),
    ...(hasLeases(store) ? leases(tiers, store) : {}),
    ...(hasChannel(store) ? channel(tiers, store) : {}),
    ...(hasCapacity(store) ? capacity(tiers, store) : {}),
    ...(hasStreams(store) ? streams(tiers, store) : {}),
    ...(hasTasks(store) ? tasks(tiers, store) : {}),
  };
}

function heads(tiers: Tiers, store: HeadStore): HeadStore {
  return {
    head: (refId) => tiers.reads.head(refId, () => store.head(refId)),
    heads: (namespace) => tiers.guard.each(() => store.heads(namespace)),
  };
}

function links(tiers: Tiers, store: LinkStore): LinkStore {
  return {
    getLink: (name) => tiers.reads.link(name, () => store.getLink(name)),
    setLinked: (refId, entry, name) =>
      tiers.put([{ refId, entry, name }], () => store.setLinked(refId, entry, name)),
  };
}

function replacing(tiers: Tiers, store: ReplaceStore): ReplaceStore {
  return {
    replace: (refId, entry) => {
      const what = [{ refId, entry }];
      return tiers.write(
        what,
        () => store.replace(refId, entry),
        (isDone) => (isDone ? what : []),
      );
    },
  };
}

function ranges(tiers: Tiers, store: RangeStore): RangeStore {
  return {
    look: (refId) => tiers.reads.look(refId, () => store.look(refId)),
    keepOutline: async (refId, entry, outline) => {
      if (!tiers.isLocal(refId)) await tiers.guard.ask(() => store.keepOutline(refId, entry, outline));
    },
    readRanges: (refId, wanted, textAt) => tiers.guard.ask(() => store.readRanges(refId, wanted, textAt)),
  };
}

function batches(tiers: Tiers, store: BatchStore): BatchStore {
  return {
    getMany: (refIds) =>
      tiers.reads.readMany(refIds, {
        near: (refId) => tiers.reads.nearEntry(refId),
        fromStore: (left) => store.getMany(left),
        lastKnown: (refId) => tiers.copies.entry(refId, true),
      }),
    headMany: (refIds) =>
      tiers.reads.readMany(refIds, {
        near: (refId) => tiers.reads.nearHead(refId),
        fromStore: (left) => store.headMany(left),
        lastKnown: (refId) => tiers.copies.head(refId, true),
      }),
    setMany: (entries) => tiers.put(entries, () => store.setMany(entries)),
  };
}

function labels(tiers: Tiers, store: LabelStore): LabelStore {
  return {
    removeLabelled: (label, mayRemove = () => true) =>
      tiers.remove(
        async (refId, head) => bears(head, label) && mayRemove(refId, head),
        () => store.removeLabelled(label, mayRemove),
      ),
  };
}

function leases(tiers: Tiers, store: LeaseStore): LeaseStore {
  const { guard } = tiers;
  return {
    sharesLeases: store.sharesLeases,
    acquireLease: async (name, life, seen) => {
      const reply = await guard.ask(() => store.acquireLease(name, life, tiers.seenInStore(seen)));
      if (reply === "changed") tiers.copies.drop({ kind: "link", name }); // the news is on its way
      return reply;
    },
    renewLease: (lease, life) => guard.ask(() => store.renewLease(lease, life)),
    releaseLease: (lease) => guard.ask(() => store.releaseLease(lease)),
    setLeased: async (refId, entry, lease) => {
      const linked = { refId, entry, name: lease.name };
      const isLinked = await tiers.put(
        [linked],
        () => store.setLeased(refId, entry, lease),
        (isDone) => (isDone ? [linked] : [{ refId, entry }]),
      );
      return isLinked ?? true; // only here so far, under the name
    },
  };
}

function channel(tiers: Tiers, store: ChannelStore): ChannelStore {
  return {
    publish: (message) => tiers.guard.ask(() => store.publish(message)),
    subscribe: (listener) => store.subscribe(listener),
  };
}

function capacity(tiers: Tiers, store: CapacitySource): CapacitySource {
  return { capacity: () => tiers.guard.ask(() => store.capacity()) };
}

/** Records change too often to be copied, and are of no use to anybody where only one server has them. */
function tasks({ guard }: Tiers, store: TaskStore): TaskStore {
  return {
    addTask: (...task) => guard.ask(() => store.addTask(...task)),
    readTask: (refId) => guard.ask(() => store.readTask(refId)),
    changeTask: (...change) => guard.ask(() => store.changeTask(...change)),
    renewTask: (...renewal) => guard.ask(() => store.renewTask(...renewal)),
    taskOf: (name) => guard.ask(() => store.taskOf(name)),
    abandonedTasks: (limit) => guard.ask(() => store.abandonedTasks(limit)),
  };
}

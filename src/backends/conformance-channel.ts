import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { StoreUnavailableError } from "../errors.js";
import { type CacheBackend, type ChannelMessage, type ChannelStore, hasChannel } from "./backend.js";

type Backend = CacheBackend & ChannelStore;

/** How long a listener may take to begin, and a message to come, before the check fails. */
const DEADLINE_MS = 10_000;

/** What a backend with messages must do. */
export const CHANNEL_CHECKS: Readonly<Record<string, (backend: CacheBackend) => Promise<void>>> = {
  "channel: everybody who listens hears, in order and to the letter": whereChannel(async (backend) => {
    const [one, two] = [await listening(backend), await listening(backend)];
    const sent = ["a", 'Zoë "日本" 😀\n\u2028', "{}", ""].map((name, n) => message(`${n}`, name, "b"));
    for (const one of sent) await backend.publish(one);
    for (const ear of [one, two]) {
      await until(() => ear.heard.length >= sent.length);
      assert.deepEqual(ear.heard, sent);
    }
  }),

  "channel: says nothing more to who no longer listens": whereChannel(async (backend) => {
    const [one, two] = [await listening(backend), await listening(backend)];
    one.stop();
    one.stop();
    await backend.publish(message("late"));
    await until(() => two.heard.length > 0);
    assert.deepEqual(one.heard, []);
  }),

  "channel: a listener that throws is nobody else's trouble": whereChannel(async (backend) => {
    const fail = () => {
      throw new Error("a listener failed");
    };
    backend.subscribe({ message: fail, lost: fail });
    const ear = await listening(backend);
    await backend.publish(message("t", "x"));
    await until(() => ear.heard.length > 0);
  }),

  "channel: messages are no entries": whereChannel(async (backend) => {
    await backend.publish(message("t", "check:00000000000000000000000000000001"));
    for await (const refId of backend.keys()) assert.fail(`there is ${refId}`);
    assert.equal(await backend.clear(), 0);
  }),

  "channel: is silent after close": whereChannel(async (backend) => {
    const ear = await listening(backend);
    await backend.close();
    await assert.rejects(backend.publish(message("t")), StoreUnavailableError);
    const late = hear(backend);
    await sleep(50);
    assert.deepEqual([...ear.heard, ...late.heard], []);
    for (const { stop } of [ear, late]) stop();
  }),
};

function whereChannel(check: (backend: Backend) => Promise<void>) {
  return async (backend: CacheBackend) => (hasChannel(backend) ? check(backend) : undefined);
}

/** Others may use the channel at the same time. */
const mark = `check-${Math.random()}`;

function message(topic: string, ...names: string[]): ChannelMessage {
  return { topic: `${mark}/${topic}`, names };
}

interface Ear {
  /** What was heard of the checks' own messages, probes aside. */
  readonly heard: ChannelMessage[];
  readonly probes: Set<string | undefined>;
  stop(): void;
}

function hear(backend: Backend): Ear {
  const heard: ChannelMessage[] = [];
  const probes = new Set<string | undefined>();
  const hearOne = (message: ChannelMessage) => {
    if (message.topic === PROBE) probes.add(message.names[0]);
    else if (message.topic.startsWith(mark)) heard.push(message);
  };
  return { heard, probes, stop: backend.subscribe({ message: hearOne, lost: () => {} }) };
}

const PROBE = `${mark}/probe`;

/** One who listens by now: who begins may miss what is sent at once. */
async function listening(backend: Backend): Promise<Ear> {
  const ear = hear(backend);
  const probe = `${Math.random()}`;
  for (let tries = 0; !ear.probes.has(probe); tries++) {
    assert.ok(tries < DEADLINE_MS / 20, "nothing was heard");
    await backend.publish(message("probe", probe));
    await sleep(20);
  }
  return ear;
}

async function until(condition: () => boolean): Promise<void> {
  const end = performance.now() + DEADLINE_MS;
  while (!condition()) {
    assert.ok(performance.now() < end, "a message did not come");
    await sleep(5);
  }
}

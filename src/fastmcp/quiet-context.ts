import type { Context, FastMCPSessionAuth } from "fastmcp";
import { currentUsage } from "../access/current.js";
import type { Usage } from "../access/usage.js";
import { copyWith } from "../copy-with.js";
import type { RefCache } from "../refcache.js";

type AnyContext = Context<FastMCPSessionAuth>;
type Progress = Parameters<AnyContext["reportProgress"]>[0];
type Log = AnyContext["log"];

/**
 * The context that a tool gets: FastMCP's own, but for what sends something to the client while the tool runs. Once
 * the call has used a value that its caller may not see, nothing of that goes out: what is streamed and logged is
 * dropped, questions to the user count as cancelled, and of progress is left that there is some. To be called in the
 * course of the call.
 */
export function quietContext<C>(context: C, cache: RefCache, tool: string): C {
  if (typeof context !== "object" || context === null) return context;
  const gate = new Gate(cache, tool, currentUsage());
  const { streamContent, reportProgress, elicit, log } = context as unknown as AnyContext;
  const quiet = {
    streamContent: (content: never) => gate.pass(() => streamContent(content), ignore),
    elicit: (...asked: Parameters<typeof elicit>) =>
      gate.pass(
        () => elicit(...asked),
        () => ({ action: "cancel" as const }),
      ),
    reportProgress: steadyProgress(gate, reportProgress),
    log: log && quietLog(gate, log),
  };
  const members = Object.entries(quiet).filter(([name]) => Object.hasOwn(context, name));
  return copyWith(context, Object.fromEntries(members));
}

function quietLog(gate: Gate, log: Log): Log {
  const levels = Object.keys(log) as (keyof Log)[];
  const quiet = levels.map((level) => {
    const send: Log["info"] = log[level];
    return [level, (...said: Parameters<typeof send>) => gate.passNow(() => send(...said))] as const;
  });
  return copyWith(log, Object.fromEntries(quiet));
}

/** Milliseconds between two signs of life of a call that may tell no more. */
const HEARTBEAT = 1000;

/** Clients wait longer for a tool that makes progress; how much, and how often, could be what was hidden. */
function steadyProgress(gate: Gate, report: AnyContext["reportProgress"]) {
  let last = 0;
  let next = 0;
  const beat = async () => {
    if (performance.now() < next || gate.isUnattended) return;
    next = performance.now() + HEARTBEAT;
    await report({ progress: ++last });
  };
  return (progress: Progress) =>
    gate.pass(() => {
      last = progress.progress;
      return report(progress);
    }, beat);
}

function ignore(): undefined {
  return undefined;
}

/** Lets things out of a call, as long as it has not used what its caller may not see. */
class Gate {
  readonly #cache: RefCache;
  readonly #tool: string;
  readonly #usage: Usage | undefined;
  /** What is known of a usage, while it stays as it was. */
  #judged = new WeakMap<Usage, { readonly policies: number; verdict: boolean | Promise<boolean> }>();
  #hasWarned = false;

  /** @param usage of the call whose context this is; kept, as a tool may send from where the call is not known. */
  constructor(cache: RefCache, tool: string, usage: Usage | undefined) {
    this.#cache = cache;
    this.#tool = tool;
    this.#usage = usage;
  }

  /** Whether the client has its answer already, and the tool runs to make the next one. */
  get isUnattended(): boolean {
    return (this.#usage?.isUnattended ?? currentUsage()?.isUnattended) === true;
  }

  /** Does it, or else the other; at once where nothing was used. */
  async pass<T, O>(send: () => T | Promise<T>, instead: () => O | Promise<O>): Promise<T | O> {
    if (this.isUnattended) return instead();
    const open = this.#isOpen();
    if (open === true || (open !== false && (await open))) return send();
    this.#warn();
    return instead();
  }

  /** As {@link Gate.pass}, for what nobody waits for. */
  passNow(send: () => void): void {
    const open = !this.isUnattended && this.#isOpen();
    if (open === true) send();
    else this.pass(send, ignore).catch(ignore);
  }

  /** A call within this one may have used more than it, and may have been given its context. */
  #isOpen(): boolean | Promise<boolean> {
    const verdicts = [...new Set([this.#usage, currentUsage()])].map((usage) => this.#judge(usage));
    if (verdicts.includes(false)) return false;
    if (verdicts.every((verdict) => verdict === true)) return true;
    return Promise.all(verdicts).then((all) => all.every(Boolean));
  }

  #judge(usage: Usage | undefined): boolean | Promise<boolean> {
    if (usage === undefined || usage.policies.length === 0) return true;
    const policies = usage.policies.length;
    const known = this.#judged.get(usage);
    if (known?.policies === policies) return known.verdict;
    const judging: { policies: number; verdict: boolean | Promise<boolean> } = {
      policies,
      verdict: this.#cache.mayTell(usage).catch(() => false),
    };
    this.#judged.set(usage, judging);
    void (judging.verdict as Promise<boolean>).then((verdict) => {
      judging.verdict = verdict;
    });
    return judging.verdict;
  }

  #warn(): void {
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    this.#cache.logger.warn(
      `${this.#tool} used values which its caller may not see; what it sends while it runs is dropped.`,
    );
  }
}

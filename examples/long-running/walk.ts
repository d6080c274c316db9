import type { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { type Called, callTool } from "../embedded/call.js";

/** Two servers on one store, and a mishap to whoever performs a task. */
export interface Site {
  readonly first: Client;
  readonly second: Client;
  /** What the mishap is, in a few words. */
  readonly mishap: string;
  /** Kills the process that performs the tasks of the first server, and sees to it that there is another. */
  strike(): Promise<void>;
  /** Milliseconds between two polls. */
  readonly pause: number;
}

/** One call, and what came of it. */
export interface Step extends Called {
  /** What happens here, in a few words; `undefined` where the step before goes on. */
  readonly title?: string | undefined;
  readonly server: "first" | "second";
  readonly tool: string;
  readonly args: Record<string, unknown>;
  /** What the server told while the client waited. */
  readonly notices: readonly string[];
}

const TWO_DOCUMENTS = [
  { name: "haiku", text: "An old silent pond. A frog jumps into the pond. Splash! Silence again." },
  { name: "limerick", text: "There was an old man with a beard, who said: it is just as I feared." },
];

/** What an agent sees of tools that take their time, call by call. */
export async function* walk(site: Site): AsyncGenerator<Step, void> {
  yield await call(
    site,
    "first",
    "analyse",
    { documents: TWO_DOCUMENTS, depth: "quick" },
    "In time: the answer itself",
  );

  const long = await call(
    site,
    "first",
    "analyse",
    { depth: "standard" },
    "Not in time: a reference, at once",
  );
  yield long;
  const { ref_id } = long.content;
  yield await call(
    site,
    "second",
    "analyse",
    { depth: "standard" },
    "The same call to another server joins the task",
  );
  yield await call(
    site,
    "second",
    "get_cached_result",
    { ref_id, response_format: "full" },
    "Every server on the store tells how far it is; here, all there is to tell",
  );
  yield* poll(site, "second", ref_id, "It waits as long as wait_ms says, and ends as the ordinary answer");
  yield await call(
    site,
    "second",
    "word_table",
    { report: ref_id, most: 5 },
    "The same reference is the report's",
  );

  const unwanted = await call(
    site,
    "first",
    "analyse",
    { depth: "deep" },
    "A task that turns out not to be wanted …",
  );
  yield unwanted;
  yield await call(
    site,
    "second",
    "cancel_task",
    { ref_id: unwanted.content.ref_id },
    "… is cancelled, on any server",
  );
  yield* poll(site, "first", unwanted.content.ref_id);

  const unlucky = await call(
    site,
    "first",
    "analyse",
    { depth: "deep" },
    `Once more, and then ${site.mishap}`,
  );
  yield unlucky;
  await site.strike();
  yield* poll(
    site,
    "second",
    unlucky.content.ref_id,
    "As the tool is idempotent, the task begins anew elsewhere",
  );
}

/** Polls until the task is over. */
async function* poll(
  site: Site,
  server: Step["server"],
  ref_id: unknown,
  title?: string,
): AsyncGenerator<Step, void> {
  for (let heading = title; ; heading = undefined) {
    const step = await call(site, server, "get_cached_result", { ref_id, wait_ms: site.pause }, heading);
    yield step;
    const { status } = step.content;
    if (status !== "pending" && status !== "processing") return;
  }
}

async function call(
  site: Site,
  server: Step["server"],
  tool: string,
  args: Record<string, unknown>,
  title?: string,
): Promise<Step> {
  const notices: string[] = [];
  const called = await callTool(site[server], tool, args, {
    onprogress: ({ progress, total, message }) =>
      notices.push(`${progress}/${total} ${message ?? ""}`.trim()),
  });
  return { title, server, tool, args, notices, ...called };
}

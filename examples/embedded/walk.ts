import type { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { type Called, callTool } from "./call.js";

/** A client for each of the two servers. */
export interface Clients {
  readonly calculator: Client;
  readonly analyst: Client;
}

/** One call of the walk, and what came of it. */
export interface Step extends Called {
  /** What happens here, in a few words. */
  readonly title: string;
  readonly server: keyof Clients;
  readonly tool: string;
  readonly args: Record<string, unknown>;
}

/** The main job, call by call: results of one server are used by the other, and by reference only. */
export async function* walk(clients: Clients): AsyncGenerator<Step, void> {
  const call = async (
    title: string,
    server: keyof Clients,
    tool: string,
    args: Record<string, unknown>,
  ): Promise<Step> => ({ title, server, tool, args, ...(await callTool(clients[server], tool, args)) });

  const primes = await call("A large result becomes a reference", "calculator", "generate_primes", {
    count: 1000,
  });
  yield primes;
  const data = primes.answer.ref_id;

  yield await call("Another server uses all of it", "analyst", "analyze_data", { data });

  const normalized = await call("A reference in, a reference out", "analyst", "transform_data", {
    data,
    operation: "normalize",
  });
  yield normalized;

  yield await call(
    "Integers beyond 2^53 stay exact, as digits in a text",
    "calculator",
    "generate_fibonacci",
    {
      count: 100,
    },
  );
  yield await call("References of both servers, inside a list", "analyst", "aggregate_data", {
    datasets: [data, normalized.answer.ref_id],
    operation: "zip",
  });

  yield await call("Everything both servers keep", "analyst", "list_shared_cache", {});

  yield await call("A page of it, when a model wants to look closer", "analyst", "get_cached_result", {
    ref_id: normalized.answer.ref_id,
    page: 3,
    page_size: 20,
  });
}

import type { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { CallToolResultSchema } from "@modelcontextprotocol/sdk/types.js";

/** A client of each server. */
export interface Clients {
  readonly vault: Client;
  readonly analyst: Client;
}

/** Whose clients they are: alice, whose salaries they are, and bob. */
export interface Users {
  readonly alice: Clients;
  readonly bob: Clients;
}

/** One call, and all that a model sees of the answer. */
export interface Step {
  readonly user: keyof Users;
  readonly server: keyof Clients;
  /** The tool, or `read` for a resource. */
  readonly call: string;
  readonly args: Record<string, unknown>;
  readonly text: string;
}

/** A computation in private, and then everything that alice's agent and bob's might try. */
export async function* walk(users: Users): AsyncGenerator<Step, void> {
  const call = (user: keyof Users, server: keyof Clients) => ({
    tool: async (tool: string, args: Record<string, unknown> = {}): Promise<Step> => {
      return { user, server, call: tool, args, text: await callTool(users[user][server], tool, args) };
    },
    read: async (uri: string): Promise<Step> => {
      return {
        user,
        server,
        call: "read",
        args: { uri },
        text: await readResource(users[user][server], uri),
      };
    },
  });

  const found = await call("alice", "vault").tool("find_payroll");
  yield found;
  const payroll = found.text;
  yield await call("alice", "analyst").tool("mean_salary", { payroll });

  for (const server of ["vault", "analyst"] as const) {
    const { tool, read } = call("alice", server);
    yield await tool("get_cached_result", { ref_id: payroll });
    yield await read(`refcache://${payroll}`);
    const echoed = await tool("echo", { value: payroll });
    yield echoed;
    yield await tool("get_cached_result", { ref_id: referenceIn(echoed) });
    const first = await tool("first", { list: payroll });
    yield first;
    yield await tool("get_cached_result", { ref_id: referenceIn(first) });
    yield await tool("complain", { list: payroll });
    yield await tool("mutter", { list: payroll });
    yield await tool("peek", { ref_id: payroll });
    const among = await tool("echo", { value: [referenceIn(first), 0, 0, 0] });
    yield among;
    yield await call("alice", "analyst").tool("mean_salary", { payroll: referenceIn(among) });
  }

  yield await call("bob", "vault").tool("find_payroll");
  yield await call("bob", "analyst").tool("mean_salary", { payroll });
  for (const server of ["vault", "analyst"] as const) {
    const { tool, read } = call("bob", server);
    yield await tool("get_cached_result", { ref_id: payroll });
    yield await read(`refcache://${payroll}`);
    yield await tool("first", { list: payroll });
    yield await tool("peek", { ref_id: payroll });
  }
}

async function callTool(client: Client, name: string, args: Record<string, unknown>): Promise<string> {
  const { content } = CallToolResultSchema.parse(
    await client.callTool({ name, arguments: args }, undefined, { onprogress: () => {} }),
  );
  return content.flatMap((block) => (block.type === "text" ? [block.text] : [])).join("\n");
}

async function readResource(client: Client, uri: string): Promise<string> {
  try {
    return JSON.stringify(await client.readResource({ uri }));
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function referenceIn({ text }: Step): unknown {
  return JSON.parse(text).ref_id;
}

import type { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { type CallToolResult, CallToolResultSchema } from "@modelcontextprotocol/sdk/types.js";
import { expect, test } from "vitest";
import { callTool } from "../../examples/embedded/call.js";
import type { Clients } from "../../examples/embedded/walk.js";
import { fibonacci } from "../../examples/servers/maths/sequences.js";
import { readAllPages } from "./checks.js";

/** What holds for both servers over any transport and store. `clients` are connected when the tests run. */
export function behavesOver(clients: () => Clients): void {
  test("the first 50 primes have their statistics", async () => {
    const { calculator, analyst } = clients();
    const primes = await callTool(calculator, "generate_primes", { count: 50 });
    const { answer } = await callTool(analyst, "analyze_data", { data: primes.answer.ref_id });
    expect(answer.value).toMatchObject({ sum: 5117, mean: 102.34, median: 99, q1: 41, q3: 163 });
    expect(answer.value).toHaveProperty("std", expect.closeTo(69.92871297227758, 12));
  });

  test("integers beyond 2^53 stay exact from server to server", async () => {
    const { calculator, analyst } = clients();
    const { answer } = await callTool(calculator, "generate_fibonacci", { count: 100 });
    const doubled = await callTool(analyst, "aggregate_data", {
      datasets: [answer.ref_id, answer.ref_id],
      operation: "sum",
    });
    const items = await readAllPages(calculator, doubled.answer.ref_id, 30);
    expect(items.map(String)).toEqual(fibonacci(100).map((term) => String(2n * term)));
    expect(items.at(-1)).toBe("437845991669110338052");
  });

  test("equal calls give one reference", async () => {
    const { calculator } = clients();
    const call = () => callTool(calculator, "generate_sequence", { kind: "triangular", count: 500 });
    const [first, ...others] = await Promise.all([call(), call(), call()]);
    expect(new Set([first, ...others].map(({ answer }) => answer.ref_id)).size).toBe(1);
  });

  test("text and structured content say the same, and a link leads to the rest", async () => {
    const { calculator } = clients();
    const result = await callRaw(calculator, "generate_primes", { count: 2000 });
    const [text, link] = result.content;
    expect(text).toEqual({ type: "text", text: JSON.stringify(result.structuredContent) });
    expect(link).toMatchObject({
      type: "resource_link",
      uri: `refcache://${result.structuredContent?.ref_id}`,
    });
    expect(result.structuredContent).toMatchObject({
      is_complete: false,
      total_items: 2000,
      preview_strategy: "sample",
      message: expect.stringContaining("get_cached_result"),
    });
  });

  test("pages joined are the value", async () => {
    const { calculator, analyst } = clients();
    const { answer } = await callTool(calculator, "generate_sequence", {
      kind: "arithmetic",
      count: 250,
      start: 5,
      step: 3,
    });
    const items = await readAllPages(analyst, answer.ref_id, 40);
    expect(items).toEqual(Array.from({ length: 250 }, (_, index) => 5 + 3 * index));
  });

  test("a reference reads as a resource of the other server", async () => {
    const { calculator, analyst } = clients();
    const { answer } = await callTool(calculator, "generate_primes", { count: 3000 });
    const uri = `refcache://${answer.ref_id}`;
    const { contents } = await analyst.readResource({ uri });
    expect(contents).toEqual([expect.objectContaining({ uri, mimeType: "application/json" })]);
    expect(contents[0]).toHaveProperty("text", expect.stringContaining('"total_items":3000'));
  });

  test("an unknown reference gives one error, that says what to do", async () => {
    const { analyst } = clients();
    const unknown = `calculator:${"0".repeat(32)}`;
    const used = await callRaw(analyst, "analyze_data", { data: unknown });
    const read = await callRaw(analyst, "get_cached_result", { ref_id: unknown });
    expect(used).toEqual(read);
    expect(used.isError).toBe(true);
    expect(used.content).toEqual([{ type: "text", text: expect.stringMatching(/reference/i) }]);
  });

  test("a value of the wrong type gives the schema's own message", async () => {
    const { calculator, analyst } = clients();
    const { answer } = await callTool(calculator, "calculate", { expression: "6 * 7" });
    const result = await callRaw(analyst, "analyze_data", { data: answer.ref_id });
    expect(result.isError).toBe(true);
    expect(JSON.stringify(result.content)).toContain("data: Invalid input: expected array, received number");
  });

  test("an error of a tool's own reaches the model and is not kept", async () => {
    const { calculator, analyst } = clients();
    const result = await callRaw(analyst, "transform_data", { data: [4, 0], operation: "log" });
    expect(result.isError).toBe(true);
    expect(JSON.stringify(result.content)).toContain("log needs numbers above 0; data[1] is 0");
    const failed = await callRaw(calculator, "calculate", { expression: "2 +" });
    expect(failed.isError).toBe(true);
  });
}

/** Calls a tool and gives what came over the wire. */
export async function callRaw(
  client: Client,
  name: string,
  args: Record<string, unknown>,
): Promise<CallToolResult> {
  return CallToolResultSchema.parse(await client.callTool({ name, arguments: args }));
}

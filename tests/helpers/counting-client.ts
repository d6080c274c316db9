import { createRequire } from "node:module";
import { onTestFinished } from "vitest";
import type { RedisArgument, RedisClient } from "../../src/backends/redis/client.js";

const { Redis } = createRequire(import.meta.url)("ioredis") as typeof import("ioredis");

/** An ioredis client that tells what went through it; it ends with the test. */
export function countingClient(url: string): { client: RedisClient; trips: string[][] } {
  const client = new Redis(url) as unknown as RedisClient;
  onTestFinished(() => client.disconnect());
  const trips: string[][] = [];
  const { call, pipeline } = client;
  return {
    trips,
    client: Object.assign(client, {
      call: (command: string, ...args: RedisArgument[]) => {
        trips.push([command]);
        return call.call(client, command, ...args);
      },
      pipeline: (commands: RedisArgument[][]) => {
        trips.push(commands.map(([name, first]) => String(name === "call" ? first : name)));
        return pipeline.call(client, commands);
      },
    }),
  };
}

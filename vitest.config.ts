import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const source = (path: string) => fileURLToPath(new URL(`./src/${path}`, import.meta.url));

export default defineConfig({
  resolve: {
    alias: [
      { find: /^mcp-refcache$/, replacement: source("index.ts") },
      { find: /^mcp-refcache\/sqlite$/, replacement: source("backends/sqlite/index.ts") },
      { find: /^mcp-refcache\/redis$/, replacement: source("backends/redis/index.ts") },
      { find: /^mcp-refcache\/fastmcp$/, replacement: source("fastmcp/index.ts") },
      { find: /^mcp-refcache\/bullmq$/, replacement: source("bullmq/index.ts") },
      { find: /^mcp-refcache\/conformance$/, replacement: source("backends/conformance.ts") },
    ],
  },
  test: {
    include: ["tests/**/*.test.ts"],
    setupFiles: ["tests/setup.ts"],
    // Most tests wait for servers and processes: as many workers as cores are idle a good part of the time.
    maxWorkers: 3,
    testTimeout: 20_000,
    hookTimeout: 60_000,
  },
});

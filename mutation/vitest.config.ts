import { defineConfig } from "vitest/config";
import base from "../vitest.config.js";

/** The tests of what is mutated, in one process, without those that start MCP servers. */
export default defineConfig({
  ...base,
  test: {
    ...base.test,
    isolate: false,
    pool: "threads",
    fileParallelism: false,
    include: [
      "tests/access/**/*.test.ts",
      "tests/cached/**/*.test.ts",
      "tests/private-computation/**/*.test.ts",
      "tests/{answer,cached,call-names,decorate,hidden-failure,memo,refcache,resolution,shared-store}.test.ts",
      "tests/with-timeout.test.ts",
    ],
  },
});

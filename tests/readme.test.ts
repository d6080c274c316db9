import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import ts from "typescript";
import { expect, onTestFinished, test } from "vitest";
import { call } from "./helpers/fastmcp.js";
import { temporaryFolder } from "./helpers/folders.js";

const root = resolve(import.meta.dirname, "..");
const documents = ["README.md", ...readdirSync(join(root, "docs")).map((file) => `docs/${file}`)];
const samples = documents.flatMap((file) =>
  [...readFileSync(join(root, file), "utf8").matchAll(/```ts\n(.*?)```/gs)].map((match) => match[1] ?? ""),
);
const [quickStart = "", ...others] = samples;

/** What the samples after the quick start take for granted. */
const GIVEN = `
import { FastMCP } from "fastmcp";
import { z } from "zod";
import { RefCache, SYSTEM, fromJson, fromText, policies, TransientError, type Answered, type TaskRunner, type CacheBackend, type CacheEvent, type CacheEventName, type Group } from "mcp-refcache";
import { withRefCache } from "mcp-refcache/fastmcp";
declare function primes(count: number): number[];
declare const test: (name: string, run: () => Promise<void>) => void;
declare const MyBackend: new () => CacheBackend;
interface Row { id: number }
declare const rows: Row[];
declare const backend: CacheBackend;
declare const server: FastMCP<{ userId: string; role: string }>;
declare function authenticate(): Promise<{ userId: string; role: string }>;
declare function readSalaries(): number[];
declare function mean(numbers: number[]): number;
declare const directory: { has(kind: Group["kind"], group: string, member: string | undefined): boolean };
declare function report(): Promise<string>;
declare function readRows(year: number): Promise<Row[]>;
declare function draft(): Promise<string>;
declare const document: z.ZodObject<{ name: z.ZodString; text: z.ZodString }>;
declare function analyse(text: string, signal: AbortSignal): Promise<Row>;
declare const queue: { push(refId: string): Promise<void>; remove(refId: string): Promise<boolean>; end(): Promise<void> };
declare const refId: string;
declare const actor: typeof SYSTEM;
`;

test("every sample compiles as it stands, in strict mode", () => {
  const sources = new Map([[join(root, "sample-0.ts"), quickStart]]);
  others.forEach((sample, index) => {
    const cache = /const cache\b/.test(sample) ? "" : "declare const cache: RefCache;\n";
    sources.set(
      join(root, `sample-${index + 1}.ts`),
      `${GIVEN}${cache}{\n${sample.replace(/^import .*$/gm, "")}\n}\n${(sample.match(/^import .*$/gm) ?? []).filter((line) => !/"(mcp-refcache|zod|fastmcp)"/.test(line)).join("\n")}\nimport { encryptionFromEnvironment, gptTokens, TieredBackend } from "mcp-refcache";`,
    );
  });
  expect(sources.size).toBeGreaterThan(4);
  expect(problemsOf(sources)).toEqual([]);
}, 60_000);

function problemsOf(sources: ReadonlyMap<string, string>): string[] {
  const { config } = ts.readConfigFile(join(root, "tsconfig.json"), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root);
  const strict = { ...options, noUnusedLocals: false, noUnusedParameters: false };
  const host = ts.createCompilerHost(strict);
  const { fileExists, readFile, getSourceFile } = host;
  host.fileExists = (path) => sources.has(path) || fileExists(path);
  host.readFile = (path) => sources.get(path) ?? readFile(path);
  host.getSourceFile = (path, ...rest) => {
    const source = sources.get(path);
    return source === undefined
      ? getSourceFile(path, ...rest)
      : ts.createSourceFile(path, source, ts.ScriptTarget.ES2022);
  };
  const program = ts.createProgram([...sources.keys()], strict, host);
  return [...sources.keys()].flatMap((path) =>
    ts
      .getPreEmitDiagnostics(program, program.getSourceFile(path))
      .map(
        ({ messageText }) =>
          `${path.slice(root.length + 1)}: ${ts.flattenDiagnosticMessageText(messageText, " ")}`,
      ),
  );
}

test("the quick start runs as it stands, in a folder of its own", async () => {
  const folder = temporaryFolder();
  mkdirSync(join(folder, "node_modules"));
  symlinkSync(root, join(folder, "node_modules", "mcp-refcache"));
  for (const name of ["fastmcp", "zod", "better-sqlite3"])
    symlinkSync(join(root, "node_modules", name), join(folder, "node_modules", name));
  writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }));
  writeFileSync(join(folder, "server.ts"), quickStart);
  const client = new Client({ name: "test", version: "1.0.0" });
  onTestFinished(() => client.close());
  const tsx = pathToFileURL(join(root, "node_modules/tsx/dist/esm/index.mjs")).href;
  const env = { PATH: process.env.PATH ?? "", MCP_REFCACHE_DB_PATH: join(folder, "cache.db") };
  await client.connect(
    new StdioClientTransport({
      command: process.execPath,
      args: ["--import", tsx, join(folder, "server.ts")],
      env,
      cwd: folder,
      stderr: "ignore",
    }) as never,
  );
  const primes = await call(client, "generate_primes", { count: 1000 });
  expect(primes.structuredContent).toMatchObject({ is_complete: false, total_items: 1000 });
  const sum = await call(client, "sum", { numbers: primes.structuredContent?.ref_id });
  expect(sum.structuredContent).toMatchObject({ value: 3682913 });
}, 60_000);

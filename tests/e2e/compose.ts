import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { z } from "zod";

const FOLDER = new URL("../../examples/redis-docker/", import.meta.url);

const service = z.object({
  image: z.string(),
  user: z.string().optional(),
  build: z.object({ context: z.string(), dockerfile: z.string() }).optional(),
  command: z.array(z.string()),
  environment: z.record(z.string(), z.string()),
  ports: z.array(z.string()).default([]),
  volumes: z.array(z.string()).default([]),
  depends_on: z.record(z.string(), z.object({ condition: z.string() })).default({}),
  healthcheck: z.object({ test: z.array(z.string()) }),
  read_only: z.boolean(),
  stop_grace_period: z.string(),
});

const schema = z.object({
  services: z.object({ valkey: service, calculator: service, analyst: service }),
  volumes: z.record(z.string(), z.unknown()),
});

/** One service of compose.yaml. */
export type Service = z.output<typeof service>;

/** A file beside compose.yaml, as text. */
export function composeFile(name: string): string {
  return readFileSync(fileURLToPath(new URL(name, FOLDER)), "utf8");
}

/** compose.yaml, parsed and checked for its form. */
export function readCompose(): z.output<typeof schema> {
  return schema.parse(parse(composeFile("compose.yaml"), { merge: true }));
}

/** The environment that compose gives a service, with its variables filled in. */
export function environmentOf(
  { environment }: Service,
  variables: Readonly<Record<string, string>>,
): Record<string, string> {
  const fill = (text: string) =>
    text.replace(/\$\{(\w+):([-?])([^}]*)\}/g, (_, name: string, kind: string, rest: string) => {
      const value = variables[name] ?? (kind === "-" ? rest : undefined);
      if (value === undefined) throw new Error(`compose.yaml wants ${name}`);
      return value;
    });
  return Object.fromEntries(Object.entries(environment).map(([name, text]) => [name, fill(text)]));
}

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { LOCAL_HOSTS } from "../../examples/servers/allowed-hosts.js";
import { readSettings } from "../../examples/servers/settings.js";
import { redisOptionsFromEnvironment } from "../../src/config.js";
import { composeFile, environmentOf, readCompose } from "./compose.js";

const compose = readCompose();
const { valkey, calculator, analyst } = compose.services;
const dockerfile = composeFile("Dockerfile");
const servers = [
  ["calculator", calculator, 8001],
  ["analyst", analyst, 8002],
] as const;

describe.each(servers)("compose.yaml: %s", (name, service, port) => {
  test("has a command that the server understands, on the published port", () => {
    const settings = readSettings(service.command, environmentOf(service, { VALKEY_PASSWORD: "secret" }));
    expect(settings).toEqual({
      server: name,
      transport: "http",
      backend: "redis",
      host: "0.0.0.0",
      port,
      allowedHosts: LOCAL_HOSTS,
    });
    expect(service.ports).toEqual([`127.0.0.1:${port}:${port}`]);
    expect(dockerfile).toMatch(new RegExp(`^EXPOSE .*\\b${port}\\b`, "m"));
  });

  test("finds Valkey through the environment that the package reads", () => {
    const env = environmentOf(service, { VALKEY_PASSWORD: "secret" });
    expect(redisOptionsFromEnvironment(env)).toEqual({ host: "valkey", password: "secret" });
  });

  test("answers to the hosts that ALLOWED_HOSTS names", () => {
    const env = environmentOf(service, { VALKEY_PASSWORD: "secret", ALLOWED_HOSTS: "a.example, b.example" });
    expect(readSettings(service.command, env).allowedHosts).toEqual(["a.example", "b.example"]);
  });

  test("is asked for its health where FastMCP answers", () => {
    expect(service.healthcheck.test.at(-1)).toBe(`http://127.0.0.1:${port}/health`);
  });

  test("starts once Valkey is healthy", () => {
    expect(service.depends_on).toEqual({ valkey: { condition: "service_healthy" } });
  });

  test("has time to stop, and nothing to write", () => {
    expect(service.stop_grace_period).toBe("10s");
    expect(service.read_only).toBe(true);
  });
});

describe("compose.yaml: Valkey", () => {
  test("is of one major version", () => {
    expect(valkey.image).toMatch(/^valkey\/valkey:\d+(-alpine)?$/);
  });

  test("demands a password, which is on no command line", () => {
    const services = Object.values(compose.services);
    const lines = services.flatMap(({ command, healthcheck }) => [...command, ...healthcheck.test]);
    expect(lines.join("\n")).not.toContain("VALKEY_PASSWORD");
    const [, , script = ""] = valkey.command;
    const [execution, configuration] = script.split("<<CONFIG\n");
    expect(execution).not.toContain("$");
    expect(configuration).toBe('requirepass "$$REDISCLI_AUTH"\nCONFIG\n');
    expect(environmentOf(valkey, { VALKEY_PASSWORD: "secret" })).toEqual({ REDISCLI_AUTH: "secret" });
  });

  test("fails clearly where there is no password", () => {
    for (const service of Object.values(compose.services)) {
      expect(() => environmentOf(service, {})).toThrow("VALKEY_PASSWORD");
    }
    expect(composeFile("compose.yaml").match(/\$\{VALKEY[^}]*\}/g)).toEqual(
      Array(2).fill(expect.stringMatching(/^\$\{VALKEY_PASSWORD:\?Set VALKEY_PASSWORD,/)),
    );
  });

  test("keeps what is stored on a volume", () => {
    expect(valkey.volumes).toEqual(["valkey-data:/data"]);
    expect(Object.keys(compose.volumes)).toEqual(["valkey-data"]);
    expect(valkey.command.join(" ")).toContain("--dir /data --appendonly yes");
  });

  test("is not published, and does not run as root", () => {
    expect(valkey.ports).toEqual([]);
    expect(valkey.user).toBe("valkey");
  });
});

describe("Dockerfile", () => {
  const repository = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));

  test("is the one that compose builds, from the root of the repository", () => {
    expect(calculator.build).toEqual({ context: "../..", dockerfile: "examples/redis-docker/Dockerfile" });
    expect(analyst.build).toEqual(calculator.build);
  });

  test("copies what exists and what the ignore file lets through", () => {
    const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, paths = ""]) =>
      paths.split(" "),
    );
    const allowed = composeFile("Dockerfile.dockerignore").match(/(?<=^!).+/gm) ?? [];
    expect(copied).toEqual([
      "package.json",
      "package-lock.json",
      ".npmrc",
      "tsconfig.json",
      "tsconfig.build.json",
      "src",
      "examples",
    ]);
    for (const path of [...copied, ...allowed]) expect(existsSync(repository(path)), path).toBe(true);
    for (const path of copied)
      expect(
        allowed.some((entry) => entry.startsWith(path)),
        path,
      ).toBe(true);
  });

  test("keeps the packages that the servers import, and the driver", () => {
    const { dependencies } = JSON.parse(readFileSync(repository("package.json"), "utf8"));
    const imported = readdirSync(repository("examples/servers"), { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".ts"))
      .flatMap((name) => [
        ...readFileSync(repository(`examples/servers/${name}`), "utf8").matchAll(/from "([^".:]+)"/g),
      ])
      .map(([, specifier = ""]) => specifier.split("/")[0])
      .filter((name) => name !== "mcp-refcache" && !Object.hasOwn(dependencies, name ?? ""));
    const kept = /for name in ([^;]+);/.exec(dockerfile)?.[1]?.split(" ");
    expect(new Set(kept)).toEqual(new Set([...imported, "ioredis"]));
  });

  test("runs an existing file, and not as root", () => {
    const [, final = ""] = dockerfile.split(/^FROM .*$/m).slice(1);
    expect(final).toMatch(/^USER node$/m);
    expect(final).toMatch(/^ENTRYPOINT \["node", "servers\/main.js"\]$/m);
    expect(existsSync(repository("examples/servers/main.ts"))).toBe(true);
  });
});

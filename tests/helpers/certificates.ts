import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** PEM files of an authority and of a server's certificate for 127.0.0.1 and localhost. */
export interface Certificates {
  ca: string;
  cert: string;
  key: string;
  remove(): void;
}

/** Makes certificates by openssl, which must be on the PATH: Node cannot make any. */
export function makeCertificates(): Certificates {
  const folder = mkdtempSync(join(tmpdir(), "refcache-tls-"));
  const file = (name: string) => join(folder, name);
  const openssl = (...args: string[]) => execFileSync("openssl", args, { stdio: "pipe" });
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
  const names = "subjectAltName=IP:127.0.0.1,DNS:localhost";
  openssl(
    "req",
    "-x509",
    ...key,
    "-subj",
    "/CN=test authority",
    "-keyout",
    file("ca.key"),
    "-out",
    file("ca.pem"),
  );
  openssl(
    ...["req", "-x509", ...key, "-subj", "/CN=localhost", "-addext", names],
    ...["-addext", "basicConstraints=critical,CA:FALSE"],
    ...["-CA", file("ca.pem"), "-CAkey", file("ca.key")],
    ...["-keyout", file("server.key"), "-out", file("server.pem")],
  );
  return {
    ca: file("ca.pem"),
    cert: file("server.pem"),
    key: file("server.key"),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** PEM files of an authority, and of certificates that it gave to a server at 127.0.0.1, or localhost, and to a client. */
export interface Certificates {
  ca: string;
  cert: string;
  key: string;
  client: { cert: string; key: string };
  remove(): void;
}

/** Makes certificates by openssl, which must be on the PATH: Node cannot make any. */
export function makeCertificates(): Certificates {
  const folder = mkdtempSync(join(tmpdir(), "refcache-tls-"));
  const file = (name: string) => join(folder, name);
  const openssl = (...args: string[]) => execFileSync("openssl", args, { stdio: "pipe" });
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
  openssl(
    ...["req", "-x509", ...key, "-subj", "/CN=test authority"],
    ...["-keyout", file("ca.key"), "-out", file("ca.pem")],
  );
  const issue = (name: string, ...extensions: string[]) => {
    openssl(
      ...["req", "-x509", ...key, "-subj", `/CN=${name}`, ...extensions.flatMap((text) => ["-addext", text])],
      ...["-addext", "basicConstraints=critical,CA:FALSE"],
      ...["-CA", file("ca.pem"), "-CAkey", file("ca.key")],
      ...["-keyout", file(`${name}.key`), "-out", file(`${name}.pem`)],
    );
    return { cert: file(`${name}.pem`), key: file(`${name}.key`) };
  };
  return {
    ca: file("ca.pem"),
    ...issue("server", "subjectAltName=IP:127.0.0.1,DNS:localhost"),
    client: issue("client"),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

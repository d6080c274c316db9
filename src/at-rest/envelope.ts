/** An encrypted text with all that reading it takes, except the key. */
export interface Envelope {
  readonly keyId: string;
  /** 96 bits in base64; never twice under one key. */
  readonly iv: string;
  /** 128 bits in base64, which authenticate text and head. */
  readonly tag: string;
  /** The text itself, encrypted, in base64. */
  readonly data: string;
}

/** Letters, digits, dot, underscore, hyphen: what needs no escape anywhere. */
export const KEY_ID = "[A-Za-z0-9._-]{1,64}";
const WHOLE_KEY_ID = new RegExp(`^${KEY_ID}$`);

/** Tells whether a text may name a key. */
export function isKeyId(text: string): boolean {
  return WHOLE_KEY_ID.test(text);
}

const MARKER = "mcp_refcache_encrypted";
const NOTE = "This value is encrypted. A server that has the key named by key_id reads it.";

const member = (name: string, value: string) => `\\s*"${name}"\\s*:\\s*${value}`;
const BEGINNING = new RegExp(`^\\s*\\{${member(MARKER, "")}`);
/** All up to the data, which may be many megabytes and is cut out unparsed. Others may have put blanks between. */
const HEAD = new RegExp(
  `^\\s*\\{${[
    member(MARKER, "1\\s*"),
    member("note", '"[^"]*"\\s*'),
    member("key_id", `"(?<keyId>${KEY_ID})"\\s*`),
    member("iv", '"(?<iv>[A-Za-z0-9+/]{16})"\\s*'),
    member("tag", '"(?<tag>[A-Za-z0-9+/]{22}==)"\\s*'),
    member("data", '"'),
  ].join(",")}`,
);

/** Writes an envelope as the JSON object that stands in the value's place, for every reader to recognise. */
export function writeEnvelope({ keyId, iv, tag, data }: Envelope): string {
  const head = JSON.stringify({ [MARKER]: 1, note: NOTE, key_id: keyId, iv, tag });
  return `${head.slice(0, -1)},"data":"${data}"}`;
}

/** Tells by its beginning whether a text is an envelope, perhaps a damaged one. */
export function isEnvelope(json: string): boolean {
  return BEGINNING.test(json);
}

/** Reads an envelope; `undefined` when it is not whole. */
export function readEnvelope(json: string): Envelope | undefined {
  const [head, groups] = partsOf(HEAD.exec(json));
  const { keyId, iv, tag } = groups;
  if (keyId === undefined || iv === undefined || tag === undefined) return undefined;
  return { keyId, iv, tag, data: json.slice(head.length, json.lastIndexOf('"')) };
}

function partsOf(match: RegExpExecArray | null): [head: string, groups: Record<string, string | undefined>] {
  return [match?.[0] ?? "", match?.groups ?? {}];
}

import { describe, expect, test } from "vitest";
import { ConfigurationError, RefCache } from "../../src/index.js";
import { errorOf } from "../helpers/errors.js";
import { encryption, key } from "../helpers/keys.js";

const KEY = Buffer.from(key(0xab)).toString("base64");
const make = (value: unknown) => new RefCache({ name: "calc", encryption: value as never });

describe("encryption is refused by name", () => {
  test.each<[option: string, value: unknown]>([
    ["encryption", true],
    ["encryption.keys", { current: "k1" }],
    ["encryption.keys", { keys: KEY, current: "k1" }],
    ["encryption.current", { keys: { k1: KEY } }],
    ["encryption.current", encryption({ current: "k2" })],
    ["encryption.current", encryption({ current: "toString" })],
    ["encryption.current", encryption({ keys: {} })],
    ["encryption.acceptPlaintext", { ...encryption(), acceptPlaintext: "yes" }],
    ["encryption.acceptPlain", { ...encryption(), acceptPlain: true }],
    ["encryption.keys", encryption({ keys: { "": KEY } })],
    ["encryption.keys", encryption({ keys: { "a b": KEY } })],
    ["encryption.keys", encryption({ keys: { "k1\n": KEY } })],
    ["encryption.keys", encryption({ keys: { ["k".repeat(65)]: KEY } })],
    ['encryption.keys["k1"]', encryption({ keys: { k1: new Uint8Array(31) } })],
    ['encryption.keys["k1"]', encryption({ keys: { k1: new Uint8Array(33) } })],
    ['encryption.keys["k1"]', encryption({ keys: { k1: Buffer.alloc(16).toString("base64") } })],
    ['encryption.keys["k1"]', encryption({ keys: { k1: "x".repeat(32) } })],
    ['encryption.keys["k1"]', encryption({ keys: { k1: `${KEY} ` } })],
    ['encryption.keys["k1"]', { keys: { k1: 7 }, current: "k1" }],
    ['encryption.keys["k1"]', { keys: { k1: null }, current: "k1" }],
  ])("%s, for %j", async (option, value) => {
    const error = await errorOf(() => make(value));
    expect(error).toBeInstanceOf(ConfigurationError);
    expect(error).toMatchObject({ option });
    expect(error.message).not.toContain(KEY.slice(0, 10));
  });

  test("without quoting a key that stands in the place of a name", async () => {
    for (const name of [KEY, Buffer.from(key(0xab)).toString("hex")]) {
      const error = await errorOf(() => make({ keys: { [name]: "k1" }, current: "k1" }));
      expect(error).toMatchObject({ option: expect.stringContaining("encryption.keys") });
      expect(error.message).not.toContain(name.slice(0, 10));
    }
  });

  test("names of all kinds of characters are names", () => {
    for (const name of ["a", "K-1_b.c", "k".repeat(64), "2030-01", "__proto__"])
      expect(() => make({ keys: Object.fromEntries([[name, KEY]]), current: name })).not.toThrow();
  });
});

import { z } from "zod";
import { ConfigurationError } from "../errors.js";
import { CODECS, type Codec, isSupported } from "./codecs.js";

/** How values are compressed in the store. */
export interface CompressionOptions {
  /**
   * By what values are compressed. Default: `zstd` where Node has it (22.15 and later), else `brotli`. Servers that
   * lack it cannot read what others compressed by `zstd`: where some run on Node 20, name another one.
   */
  readonly codec?: Codec | undefined;
  /** Bytes of JSON text from which a value is compressed. Default 16 KiB. */
  readonly minBytes?: number | undefined;
}

/** The same with everything said. */
export interface Compression {
  readonly codec: Codec;
  readonly minBytes: number;
}

/** What {@link CompressionOptions}, `true` or `false` must be. */
export const compressionShape = z.preprocess(
  (options) => (typeof options === "boolean" ? {} : options),
  z.strictObject(
    { codec: z.enum(CODECS).optional(), minBytes: z.int().positive().optional() },
    {
      error: ({ code }) =>
        code === "invalid_type" ? "must be true, false or an object with codec and minBytes" : undefined,
    },
  ),
);

const MIN_BYTES = 16 * 1024;

/**
 * Fills in what is not said.
 * @returns `undefined` where values are not compressed.
 * @throws {ConfigurationError} when this Node lacks the codec.
 */
export function resolveCompression(
  options: CompressionOptions | boolean | undefined,
): Compression | undefined {
  if (options === undefined || options === false) return undefined;
  const { codec = CODECS.find(isSupported) ?? "gzip", minBytes = MIN_BYTES } =
    options === true ? {} : options;
  if (isSupported(codec)) return { codec, minBytes };
  throw new ConfigurationError("compression.codec", `${lacks(codec)}. Choose brotli or gzip`);
}

/** Why a codec cannot be used, and what to do. */
export function lacks(codec: Codec): string {
  return `${codec} needs Node 22.15 or later, and this is ${process.version}`;
}

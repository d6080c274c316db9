import * as zlib from "node:zlib";

/** How texts are compressed. Node has `zstd` from 22.15 on. */
export type Codec = "zstd" | "brotli" | "gzip";

/** All there are, the one to be preferred first. */
export const CODECS = ["zstd", "brotli", "gzip"] as const satisfies readonly Codec[];

interface Coder {
  compress(bytes: Uint8Array): Uint8Array;
  /** Throws where the bytes are no compressed ones, or would become more than so many. */
  decompress(bytes: Uint8Array, most: number): Uint8Array;
}

/** What Node's types do not know before Node 22. */
interface Zstd {
  readonly zstdCompressSync?: (bytes: Uint8Array, options: object) => Uint8Array;
  readonly zstdDecompressSync?: (bytes: Uint8Array, options: object) => Uint8Array;
  readonly constants: { readonly ZSTD_c_compressionLevel?: number };
}

/** At the settings that are quick: of a block of 64 KiB, higher ones make little less. */
const CODERS: Readonly<Record<Codec, Coder | undefined>> = {
  zstd: zstdCoder(zlib as unknown as Zstd),
  brotli: {
    compress: (bytes) => zlib.brotliCompressSync(bytes, { params: brotliParams(bytes.length) }),
    decompress: (bytes, most) => zlib.brotliDecompressSync(bytes, { maxOutputLength: most }),
  },
  gzip: {
    compress: (bytes) => zlib.gzipSync(bytes, { level: 1 }),
    decompress: (bytes, most) => zlib.gunzipSync(bytes, { maxOutputLength: most }),
  },
};

/** Tells whether a name is that of a codec, whatever this Node can do. */
export function isCodec(name: string): name is Codec {
  return Object.hasOwn(CODERS, name);
}

/** Tells whether this Node can compress and decompress by a codec. */
export function isSupported(codec: Codec): boolean {
  return CODERS[codec] !== undefined;
}

/** Compresses some bytes, by a codec that is supported. */
export function compress(codec: Codec, bytes: Uint8Array): Uint8Array {
  return CODERS[codec]?.compress(bytes) ?? bytes;
}

/** What was compressed; `undefined` where it was not, or has more bytes than it may. */
export function decompress(codec: Codec, bytes: Uint8Array, most: number): Uint8Array | undefined {
  try {
    return CODERS[codec]?.decompress(bytes, most);
  } catch {
    return undefined;
  }
}

function brotliParams(length: number): Record<number, number> {
  const { BROTLI_PARAM_QUALITY, BROTLI_PARAM_SIZE_HINT } = zlib.constants;
  return { [BROTLI_PARAM_QUALITY]: 1, [BROTLI_PARAM_SIZE_HINT]: length };
}

function zstdCoder({ zstdCompressSync, zstdDecompressSync, constants }: Zstd): Coder | undefined {
  const { ZSTD_c_compressionLevel: level } = constants;
  if (zstdCompressSync === undefined || zstdDecompressSync === undefined || level === undefined)
    return undefined;
  return {
    compress: (bytes) => zstdCompressSync(bytes, { params: { [level]: 1 } }),
    decompress: (bytes, most) => zstdDecompressSync(bytes, { maxOutputLength: most }),
  };
}

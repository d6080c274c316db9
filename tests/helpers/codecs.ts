import { CODECS, isSupported } from "../../src/at-rest/codecs.js";

/** Those that this Node can do. */
export const supportedCodecs = CODECS.filter(isSupported);

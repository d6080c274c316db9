import { SYSTEM } from "../../src/index.js";

/** Options by which a test asks as the server itself, which may do all. */
export const asServer = { actor: SYSTEM };

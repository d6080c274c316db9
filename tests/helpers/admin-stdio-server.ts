import { withRefCache } from "../../src/fastmcp/index.js";
import { RefCache } from "../../src/index.js";
import { makeServer } from "./fastmcp-server.js";

/** A stdio server with tools for administrators; `SESSION` is what `authenticate` returns, as JSON, if anything. */
const { SESSION } = process.env;
const cache = new RefCache({ name: "test" });
const authenticate = async () => JSON.parse(SESSION ?? "");
const server = makeServer<{ id: string }>(SESSION === undefined ? {} : { authenticate });
withRefCache(server, cache, { adminTools: { allow: ({ id }) => id === "admin" }, tools: false });
server.addTool({ name: "other", execute: async () => "done" });
await server.start({ transportType: "stdio" });

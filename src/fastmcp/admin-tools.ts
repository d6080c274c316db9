import type { ContentResult, Context, FastMCPSessionAuth, Tool } from "fastmcp";
import { z } from "zod";
import type { Administration } from "../administration/administration.js";
import type { Answer } from "../answer.js";
import { policyToWire } from "../entry/head.js";
import { ConfigurationError } from "../errors.js";
import type { GetOptions, RefCache } from "../refcache.js";
import type { AdminDoor, AllowAdministrator } from "./admin-door.js";
import { entryToWire, pageToWire, statsToWire } from "./admin-wire.js";
import type { WhoIs } from "./identity.js";
import { toErrorResult } from "./results.js";

/** Options of the tools for administrators. */
export interface AdminToolsOptions<T> {
  /** Tells from the verified session whether it is an administrator's. */
  readonly allow: AllowAdministrator<T>;
}

type Admin = Administration<GetOptions>;
type Act<Args> = (admin: Admin, args: Args, signal: AbortSignal) => Promise<object>;

/**
 * Tools for administrators, past every policy: `cache_list`, `cache_info`, `cache_delete`, `cache_clear` and
 * `cache_stats`. Others do not see them, and are refused where they call them all the same.
 */
export function adminTools<T extends FastMCPSessionAuth>(
  cache: RefCache,
  whoIs: WhoIs<T>,
  door: AdminDoor<T>,
): Tool<T>[] {
  const tool = <P extends z.ZodType>(definition: Definition<P>): Tool<T> => ({
    name: definition.name,
    description: definition.description,
    annotations: definition.annotations,
    parameters: definition.parameters,
    canAccess: (session) => door.shows(session),
    execute: async (args: unknown, context: Context<T>) => {
      try {
        const admin = cache.administer(await whoIs(context), door.isOpenTo(context.session));
        return toResult(await definition.act(admin, args as z.output<P>, context.signal));
      } catch (error) {
        return toErrorResult(error, definition.name, cache.logger);
      }
    },
  });
  return [tool(list), tool(info), tool(remove), tool(clear), tool(stats)];
}

interface Definition<P extends z.ZodType> {
  readonly name: string;
  readonly description: string;
  readonly annotations: { readonly readOnlyHint?: boolean; readonly destructiveHint?: boolean };
  readonly parameters: P;
  readonly act: Act<z.output<P>>;
}

/** Infers what `act` gets. */
function define<P extends z.ZodType>(definition: Definition<P>): Definition<P> {
  return definition;
}

const READS = { readOnlyHint: true };
const REMOVES = { destructiveHint: true };
/** Entries on a page, whatever is asked. */
const LARGEST_PAGE = 100;

const list = define({
  name: "cache_list",
  description:
    "List stored references, without values, ordered by reference. cursor: next_cursor of the page before.",
  annotations: READS,
  parameters: z.object({
    namespace: z.string().optional(),
    cursor: z.string().optional(),
    page_size: z.number().optional(),
  }),
  act: async (admin, { namespace, cursor, page_size = 20 }, signal) => {
    const limit = Math.min(Math.max(1, Math.floor(page_size)), LARGEST_PAGE);
    return pageToWire(await admin.list({ namespace, after: cursor, limit, signal }));
  },
});

const info = define({
  name: "cache_info",
  description: "What is known of a reference; with value=true also its value, bounded, or one page of it.",
  annotations: READS,
  parameters: z.object({
    ref_id: z.string(),
    value: z.boolean().optional(),
    page: z.number().optional(),
  }),
  act: async (admin, { ref_id, value, page }) => {
    const entry = await admin.info(ref_id);
    const known = { ...entryToWire(entry), policy: policyToWire(entry.policy) };
    return value === true ? { ...known, answer: readOnHere(await admin.show(ref_id, { page })) } : known;
  },
});

const remove = define({
  name: "cache_delete",
  description: "Delete one stored reference.",
  annotations: REMOVES,
  parameters: z.object({ ref_id: z.string() }),
  act: async (admin, { ref_id }) => ({ deleted: await admin.delete(ref_id) }),
});

const clear = define({
  name: "cache_clear",
  description: "Delete everything in exactly this namespace, everybody's. confirm: the namespace again.",
  annotations: REMOVES,
  parameters: z.object({ namespace: z.string(), confirm: z.string().optional() }),
  act: async (admin, { namespace, confirm }) => {
    if (confirm !== namespace) throw new ConfigurationError("confirm", UNCONFIRMED);
    return { deleted: await admin.clear(namespace) };
  },
});

const stats = define({
  name: "cache_stats",
  description: "Count stored entries and bytes, in all and in the largest namespaces.",
  annotations: READS,
  parameters: z.object({}),
  act: async (admin, _, signal) => statsToWire(await admin.stats({ signal })),
});

const UNCONFIRMED =
  "nothing was deleted. It would take everybody's entries of this namespace; if that is meant, repeat the namespace here";

function toResult(shown: object): ContentResult {
  return {
    content: [{ type: "text", text: JSON.stringify(shown) }],
    structuredContent: shown as Record<string, unknown>,
  };
}

/** An administrator reads on by the same tool: the policy may keep others from this one. */
function readOnHere(answer: Answer): Answer {
  const message = answer.message?.replace("get_cached_result(ref_id", "cache_info(ref_id, value=true");
  return message === undefined ? answer : { ...answer, message };
}

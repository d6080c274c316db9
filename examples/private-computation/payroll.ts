import { policies, type RefCache, SYSTEM } from "mcp-refcache";

/** What nobody but their owner is to see. */
export const SALARIES: readonly number[] = [
  61417.83, 48209.16, 73958.47, 55172.69, 90346.28, 44831.95, 67720.54, 82093.71,
];

/** Where they are, and nothing else is. */
export const PAYROLL = "payroll";

const KEY = "salaries";

/** Stores the salaries as alice's, unless they are there: her agents may use them in tools, and not see them. */
export async function storePayroll(cache: RefCache): Promise<void> {
  const known = await cache.lookup(KEY, { namespace: PAYROLL, actor: SYSTEM });
  if (known !== undefined) return;
  await cache.set(KEY, SALARIES, {
    namespace: PAYROLL,
    policy: policies.executeOnly,
    owner: "user:alice",
    ttl: null,
  });
}

/** Their reference, for a caller who may use them; else `undefined`. */
export async function findPayroll(cache: RefCache): Promise<string | undefined> {
  return (await cache.lookup(KEY, { namespace: PAYROLL }))?.refId;
}

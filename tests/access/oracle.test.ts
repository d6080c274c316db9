import fc from "fast-check";
import { expect, test } from "vitest";
import { decide } from "../../src/access/checker.js";
import type { Actor, Group } from "../../src/index.js";
import { anyActor, anyNamespace, anyPolicy } from "../helpers/arbitraries.js";
import { oracleOf } from "../helpers/oracle.js";

test("a second opinion, written apart, agrees on who may do what", () => {
  const isMember = ({ id }: Actor, group: Group) =>
    id === "alice" && group.kind === "org" && group.id === "acme";
  const { may } = oracleOf(isMember);
  const bits = fc.constantFrom(1, 2, 4, 8, 16);
  fc.assert(
    fc.property(anyActor, anyPolicy, anyNamespace, bits, (actor, policy, namespace, bit) => {
      const { permitted } = decide(actor, bit, { namespace, policy }, (group) => isMember(actor, group));
      expect(permitted).toBe(may(bit, actor, policy, namespace));
    }),
    { numRuns: 20_000 },
  );
});

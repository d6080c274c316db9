import fc from "fast-check";
import { type Actor, isId } from "../../src/access/actor.js";
import { Permission } from "../../src/access/permission.js";
import { DEFAULT_POLICY, type Policy } from "../../src/access/policy.js";

/** Ids that try to pose as each other: as patterns, as namespaces, as encodings, by case and by look. */
export const TRICKY_IDS = [
  "alice",
  "Alice",
  "ALICE",
  "alice ",
  " alice",
  "al\u0131ce",
  "аlice", // begins with a Cyrillic letter
  "alice\u200b",
  "alice:notes",
  "alice:",
  ":alice",
  "user:alice",
  "alice*",
  "*",
  "a*e",
  "?",
  "[a]lice",
  "%61lice",
  "alice%3Anotes",
  "alice%253Anotes",
  "alice%3anotes",
  "%2A",
  "%",
  "100%",
  "{user_id}",
  "é",
  "e\u0301",
  "日本",
  "🙂",
  "\ufffd",
  "null",
  "undefined",
  "anonymous",
  "default",
  "../alice",
  "a\\b",
  "a/b",
  '"',
  "-",
] as const;

/** Anything that may be an id. */
export const anyId: fc.Arbitrary<string> = fc
  .oneof(
    fc.constantFrom(...TRICKY_IDS),
    fc.string({ unit: "grapheme", minLength: 1, maxLength: 12 }),
    fc.string({
      unit: fc.constantFrom("a", "A", ":", "*", "%", "2", "3", " ", "é"),
      minLength: 1,
      maxLength: 6,
    }),
  )
  .filter(isId);

/** Few, so that actors, owners and lists meet. */
const fewIds = fc.constantFrom("alice", "bob", "a:b", "a*", "é", "100%");
const fewSessions = fc.constantFrom("s1", "s2", "s:1");

/** An actor out of few, known or anonymous. */
export const anyActor: fc.Arbitrary<Actor> = fc
  .record({
    type: fc.constantFrom("user" as const, "agent" as const),
    id: fc.option(fewIds, { nil: undefined }),
    sessionId: fc.option(fewSessions, { nil: undefined }),
  })
  .map(({ type, id, sessionId }) => ({
    type,
    ...(id === undefined ? {} : { id }),
    ...(sessionId === undefined ? {} : { sessionId }),
  }));

/** An actor's text or a pattern, encoded or as it is, some of which name nobody. */
const actorTexts = fc.constantFrom(
  "user:alice",
  "agent:alice",
  "user:bob",
  "agent:bob",
  "user:a:b",
  "user:a%3Ab",
  "agent:a%3Ab",
  "user:a*",
  "user:a%2A",
  "user:é",
  "user:%C3%A9",
  "user:100%",
  "user:100%25",
  "user:",
  "agent:",
);
const patterns = fc.oneof(
  actorTexts,
  fc.constantFrom(
    "*",
    "user:*",
    "agent:*",
    "*:alice",
    "user:*e",
    "agent:al*ce",
    "user:a%*",
    "*b",
    "agent:b*b",
  ),
);
const permissions = fc.oneof(
  fc.constantFrom(Permission.NONE, Permission.FULL, Permission.READ, Permission.EXECUTE, 17),
  fc.integer({ min: 0, max: 31 }),
);
const lists = fc.option(fc.array(patterns, { maxLength: 3 }), { nil: null, freq: 2 });
const namespaces = fc.constantFrom(
  "public",
  "custom",
  "session:s1",
  "session:s%3A1",
  "user:alice",
  "user:bob:notes",
  "user:a%3Ab",
  "agent:alice",
  "org:acme",
  "shared:team",
  "org:acme:user:alice",
  "org:acme:session:s1",
  "user:",
  "org",
);

/** Namespaces of every kind, some of which admit nobody. */
export const anyNamespace: fc.Arbitrary<string> = namespaces;

/** Any whole policy, likely to say something about {@link anyActor}. */
export const anyPolicy: fc.Arbitrary<Policy> = fc
  .record(
    {
      userPermissions: permissions,
      agentPermissions: permissions,
      owner: fc.option(actorTexts, { nil: null }),
      ownerPermissions: permissions,
      allowedActors: lists,
      deniedActors: lists,
      boundSession: fc.option(fewSessions, { nil: null, freq: 2 }),
      ownerAgentPermissions: permissions,
      within: fc.array(namespaces, { maxLength: 2 }),
      showShape: fc.boolean(),
    },
    { requiredKeys: ["userPermissions", "agentPermissions", "owner", "ownerPermissions"] },
  )
  .map((members) => ({ ...DEFAULT_POLICY, ...members }));

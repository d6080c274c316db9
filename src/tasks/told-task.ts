import type { Usage } from "../access/usage.js";
import type { RefId } from "../reference.js";
import type { TaskFacts } from "./records.js";

/** A task as it is told of: what is known, and whether other servers can know it, too. */
export interface ToldTask extends TaskFacts {
  readonly refId: RefId;
  /** Whether this process only knows of it, as the store is away. */
  readonly isLocal: boolean;
}

/** What a call comes to whose caller does not wait for its end. */
export class Deferred {
  /** @param by what the run has used that is this process's. */
  constructor(
    readonly task: ToldTask,
    readonly by?: Usage,
  ) {}
}

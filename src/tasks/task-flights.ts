import type { TaskRun } from "./task-run.js";

/** Runs of equal calls in this process, by name: who calls meanwhile joins. */
export class TaskFlights<T> {
  readonly #runs = new Map<string, TaskRun<T>>();

  /** Tells whether there is a run of a name to join. */
  has(name: string): boolean {
    return this.#runs.get(name)?.abort.reason === undefined && this.#runs.has(name);
  }

  /** Joins the run of a name, or begins one; nobody joins a run that is to end. */
  join(name: string, begin: () => TaskRun<T>): TaskRun<T> {
    const joined = this.#runs.get(name);
    if (joined !== undefined && joined.abort.reason === undefined) return joined;
    const run = begin();
    this.#runs.set(name, run);
    const end = () => {
      if (this.#runs.get(name) === run) this.#runs.delete(name);
    };
    run.onSettled(end);
    return run;
  }
}

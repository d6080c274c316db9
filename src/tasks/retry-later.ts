/** Thrown through a run that is to be made again by another process, or by this one later. */
export class RetryLater extends Error {
  /** @param delay milliseconds. */
  constructor(readonly delay: number) {
    super("The task is to be run again later.");
  }
}

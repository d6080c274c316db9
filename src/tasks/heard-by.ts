import type { Questions } from "../access/control.js";
import type { TaskProgress } from "./task.js";
import type { ProgressListener } from "./task-run.js";

/** Tells somebody of progress; to who may not see the result, only that there is some. */
export function heardBy(
  questions: Questions,
  hear: (progress: TaskProgress | undefined) => void,
): ProgressListener {
  const tell = async (...[progress, guarded]: Parameters<ProgressListener>) =>
    hear((await questions.wouldPermit("get", guarded)) ? progress : undefined);
  return (progress, guarded) => {
    tell(progress, guarded).catch(() => {}); // who listens may fail; the task goes on
  };
}

/** One step into a value: a member's name or an item's index. */
export type Step = string | number;

const IDENTIFIER = /^[A-Za-z_$][\w$]*$/;
const LONGEST_KEY = 40;
const MOST_STEPS = 12;

/** Writes a path for a message: `$.rows[3]["full name"]`; long keys and deep paths are shortened. */
export function formatPath(steps: readonly Step[]): string {
  const shown = steps.length > MOST_STEPS ? steps.slice(0, MOST_STEPS) : steps;
  return `$${shown.map(formatStep).join("")}${shown.length < steps.length ? "…" : ""}`;
}

function formatStep(step: Step): string {
  if (typeof step === "number") return `[${step}]`;
  if (IDENTIFIER.test(step) && step.length <= LONGEST_KEY) return `.${step}`;
  return `[${JSON.stringify(step.length > LONGEST_KEY ? `${step.slice(0, LONGEST_KEY)}…` : step)}]`;
}

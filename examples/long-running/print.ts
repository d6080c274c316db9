import colors from "picocolors";
import { argumentsText, INDENT, jsonText, printLabelled } from "../embedded/print.js";
import type { Step } from "./walk.js";

/** Prints what is about to be seen. */
export function printTitle(title: string, explanation: string): void {
  console.log(colors.bold(`\n${title}`));
  console.log(colors.dim(explanation));
}

/** What there is to know of the lengths of time. */
export function explanation(pace: number): string {
  const [quick, standard, deep, patience] = [5, 10, 20, 3].map((seconds) =>
    Number((seconds * pace).toFixed(2)),
  );
  return `An analysis takes ${quick}, ${standard} or ${deep} s here, and after ${patience} s its caller gets a reference. The
archive is busy every second time that it is opened, so that some attempts fail, and are made again.`;
}

/** Prints one call and its answer; polls after the first of a task on one line each. */
export function printStep(step: Step): void {
  if (step.title === undefined) printPoll(step.content);
  else printCall(step);
}

function printCall({ title, server, tool, args, notices, content }: Step): void {
  console.log(colors.bold(`\n${title}`));
  console.log(`${INDENT}${colors.cyan(`${server} server`)} › ${tool}(${argumentsText(short(args))})`);
  if (notices.length > 0) printLabelled("told", notices.join(", "));
  printAnswer(content);
}

function printPoll(content: Record<string, unknown>): void {
  const { status, message } = content;
  if (status !== undefined) printLabelled("poll", `${status}: ${progressText(content)}${message}`);
  else printAnswer(content, "done");
}

function printAnswer(content: Record<string, unknown>, heading = "ref_id"): void {
  printLabelled(heading, colors.yellow(String(content.ref_id)));
  for (const [label, text] of linesOf(content)) printLabelled(label, text);
}

function linesOf(content: Record<string, unknown>): (readonly [label: string, text: string])[] {
  const { status, message, preview, value, retry_count, started_at } = content;
  const lines: [string, unknown][] = [
    ["status", status],
    ["started", started_at],
    ["progress", progressText(content) || undefined],
    ["retries", retry_count],
    ["message", message],
    ["value", value && jsonText(value)],
    ["preview", preview && jsonText(preview)],
  ];
  return lines
    .filter(([, text]) => text !== undefined)
    .map(([label, text]) => [label, String(text)] as const);
}

function progressText({ progress, eta_seconds }: Record<string, unknown>): string {
  if (typeof progress !== "object" || progress === null) return "";
  const { current, total, percentage } = progress as Record<string, unknown>;
  const rest = typeof eta_seconds === "number" ? `, some ${eta_seconds} s left` : "";
  return `${current} of ${total} (${percentage} %)${rest}. `;
}

/** Without the texts that were passed. */
function short(args: Record<string, unknown>): Record<string, unknown> {
  const { documents, ...others } = args;
  return Array.isArray(documents) ? { documents: documents.map(({ name }) => name), ...others } : args;
}

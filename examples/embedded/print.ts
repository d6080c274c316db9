import colors from "picocolors";
import type { Totals } from "./totals.js";
import type { Step } from "./walk.js";

/** What stands before what belongs to a heading. */
export const INDENT = "   ";
const LABEL_WIDTH = 10;
const COLUMNS = Math.max(60, Math.min(process.stdout.columns ?? 110, 120));
const WIDTH = COLUMNS - INDENT.length - LABEL_WIDTH;

/** Prints what is about to be seen. */
export function printIntroduction(dbPath: string): void {
  console.log(colors.bold("\nTwo MCP servers, one cache: large results travel by reference"));
  console.log(colors.dim(`The calculator and the analyst are two processes. All they share is ${dbPath}\n`));
}

/** Prints one call and its answer. */
export function printStep(step: Step, number: number): void {
  console.log(colors.bold(`${number}. ${step.title}`));
  console.log(`${INDENT}${colors.cyan(step.server)} › ${step.tool}(${argumentsText(step.args)})`);
  for (const [label, text] of linesOf(step)) printLabelled(label, text);
  console.log();
}

/** Prints what the model was spared. */
export function printTotals({ seen, held, written, usedByReference }: Totals): void {
  console.log(`${colors.bold("What the model was spared")} ${colors.dim("(tokens are estimates)")}`);
  console.log(
    `${INDENT}it read  ${tokenCount(seen)} of answers; the values behind them hold ${tokenCount(held)}`,
  );
  console.log(
    `${INDENT}it wrote ${tokenCount(written)} of arguments; by hand it would have retyped ${tokenCount(usedByReference)}\n`,
  );
}

function linesOf(step: Step): (readonly [label: string, text: string])[] {
  const { answer, content } = step;
  if (Array.isArray(content.entries)) return content.entries.map(entryLine);
  const { is_complete, value, preview, message } = answer;
  return [
    ["ref_id", colors.yellow(answer.ref_id ?? "none")],
    is_complete === true ? ["value", jsonText(value)] : ["preview", jsonText(preview)],
    ...(message === undefined ? [] : [["message", message] as const]),
    ["size", sizeText(step)],
  ];
}

function entryLine(entry: Record<string, unknown>): readonly [string, string] {
  const { ref_id, tool, bytes } = entry;
  return ["entry", `${colors.yellow(String(ref_id))}  ${tool}, ${bytes} bytes`];
}

function sizeText({ answer, seen }: Step): string {
  const { is_complete, size, original_size, total_items } = answer;
  const items = typeof total_items === "number" ? `${format(total_items)} items, ` : "";
  const whole = tokenCount((is_complete === true ? size : original_size) ?? 0);
  return `${items}${whole}; the model saw ${tokenCount(seen)} in this answer`;
}

/** References in full would fill the line; their beginning is enough here. */
export function argumentsText(args: Record<string, unknown>): string {
  const text = JSON.stringify(args, (_, value: unknown) =>
    typeof value === "string" ? value.replace(/^([a-z]+:[a-f0-9]{6})[a-f0-9]+$/, "$1…") : value,
  );
  return text.replaceAll('":', '": ').replaceAll(',"', ', "');
}

/** A value as JSON; of a long text the beginning and the end. */
export function jsonText(value: unknown): string {
  const text = JSON.stringify(value).replaceAll('":', '": ').replaceAll(",", ", ");
  if (text.length <= 2 * WIDTH) return text;
  const beginning = text.slice(0, text.lastIndexOf(",", 2 * WIDTH - 60) + 1);
  return `${beginning} … ${text.slice(text.indexOf(" ", text.length - 50) + 1)}`;
}

/** Prints a text behind its label, broken between words where it is long. */
export function printLabelled(label: string, text: string): void {
  const lines = text.match(new RegExp(`.{1,${WIDTH}}(?: |$)`, "g")) ?? [text];
  for (const [index, line] of lines.entries()) {
    console.log(INDENT + colors.dim((index === 0 ? label : "").padEnd(LABEL_WIDTH)) + line.trimEnd());
  }
}

function tokenCount(count: number): string {
  return colors.green(`${format(count)} tokens`);
}

function format(count: number): string {
  return count.toLocaleString("en");
}

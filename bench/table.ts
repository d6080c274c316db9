import type { Figures, Row } from "./measure.js";

const HEADINGS = ["What", "Value", "Against", "Ours", "Ceiling", "Ratio", "Middle half", "Aim", "Met"];

/** The first lines of the table. */
export function heading(): string {
  return headingOf(HEADINGS);
}

/** The first lines of a table with these columns. */
export function headingOf(columns: readonly string[]): string {
  return `${lineOf(columns)}\n${lineOf(columns.map(() => "---"))}`;
}

/** A row of the table, in Markdown. */
export function line(row: Row, figures: Figures): string {
  const show = AMOUNTS[row.unit ?? "time"];
  const [low, high] = figures.quartiles.map((ratio) => compared(ratio, row)).toSorted((a, b) => a - b);
  return lineOf([
    row.what,
    row.size,
    row.against,
    show(figures.ours),
    show(figures.ceiling),
    ratioText(compared(figures.ratio, row), row),
    low === high ? "" : [low, high].map((end) => ratioText(end ?? Number.NaN, row)).join(" – "),
    ...aimOf(row, figures),
  ]);
}

/** One line of a table. */
export function lineOf(cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |`;
}

function aimOf(row: Row, { ours, ceiling, ratio }: Figures): [aim: string, met: string] {
  const { aim, aimExtra, aimTime } = row;
  if (aimTime !== undefined) return [`${aimTime} ms`, yesOrNo(ours <= aimTime)];
  if (aimExtra !== undefined) {
    const extra = (ours - ceiling) * 1000;
    return [
      `+${aimExtra} µs`,
      `${yesOrNo(extra <= aimExtra)}, ${extra < 0 ? "" : "+"}${extra.toFixed(1)} µs`,
    ];
  }
  if (aim === undefined) return ["", ""];
  const reached = compared(ratio, row);
  return [ratioText(aim, row), yesOrNo(isThroughput(row) ? reached >= aim : reached <= aim)];
}

function yesOrNo(isMet: boolean): string {
  return isMet ? "yes" : "no";
}

function isThroughput({ unit }: Row): boolean {
  return unit === "calls a second";
}

function compared(ratio: number, row: Row): number {
  return isThroughput(row) ? 1 / ratio : ratio;
}

function ratioText(ratio: number, row: Row): string {
  return isThroughput(row) ? `${Math.round(ratio * 100)} %` : `${ratio.toFixed(2)}×`;
}

const AMOUNTS = { time: duration, "calls a second": callsPerSecond, bytes: megabytes };

function callsPerSecond(milliseconds: number): string {
  return `${Math.round(1000 / milliseconds)} calls/s`;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1_000_000).toPrecision(3)} MB`;
}

function duration(milliseconds: number): string {
  return milliseconds < 1
    ? `${(milliseconds * 1000).toPrecision(3)} µs`
    : `${milliseconds.toPrecision(3)} ms`;
}

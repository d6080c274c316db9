import { inTurns } from "../in-turns.js";
import { type Grain, type Outline, SEGMENT_BYTES } from "./outline.js";
import { scanOutline } from "./scan.js";
import { Segments } from "./segments.js";

/**
 * Makes the outline of a JSON text, in steps of some 5 ms.
 * @returns `undefined` where the text has no parts, being a number or no JSON.
 */
export async function buildOutline(text: Buffer, grain?: Grain): Promise<Outline | undefined> {
  const root = await inTurns(scanOutline(text, grain));
  if (root === undefined) return undefined;
  return { ...(await inTurns(segmentsOf(text))), root };
}

function* segmentsOf(text: Buffer): Generator<void, Omit<Outline, "root">, void> {
  const segments = new Segments();
  for (let at = 0; at < text.length; at += SEGMENT_BYTES) {
    segments.push(text.subarray(at, at + SEGMENT_BYTES));
    yield;
  }
  return segments.end();
}

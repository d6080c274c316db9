import { describe, expect, test } from "vitest";
import { PlainSealer } from "../../src/at-rest/sealer.js";
import { receive } from "../../src/streams/receive.js";
import { streamParts } from "../../src/streams/value-stream.js";
import { WritingFailure, WrittenText } from "../../src/streams/written-text.js";

const REF = "s:00000000000000000000000000000001";
const OPTIONS = { limits: { maxValueBytes: 1e9, maxDepth: 500 }, maxPause: 60_000 };

describe("a stream that is received", () => {
  function writing(write: (bytes: Uint8Array) => Promise<void>, aborted = () => {}) {
    const writer = { write, commit: async () => true, abort: async () => aborted() };
    return () => WrittenText.open(REF, { openText: async () => writer }, new PlainSealer(REF));
  }

  test("is asked for no more than is being written, one write at a time", async () => {
    let given = 0;
    let written = 0;
    let ahead = 0;
    let writes = 0;
    let isWriting = false;
    const source = (async function* () {
      for (let n = 0; n < 5000; n++) {
        given += 1003;
        ahead = Math.max(ahead, given - written);
        yield "x".repeat(1000);
      }
    })();
    const open = writing(async (bytes) => {
      expect(isWriting).toBe(false);
      isWriting = true;
      await new Promise(setImmediate);
      written += bytes.length;
      writes++;
      isWriting = false;
    });
    const parts = streamParts(source);
    await receive(parts as never, { ...OPTIONS, open });
    expect(written).toBe(given + 1);
    expect(ahead).toBeLessThan(600_000);
    expect(writes).toBeLessThan(30);
  });

  test("closes its source when the store fails, and says that it was the store", async () => {
    let isClosed = false;
    let isAborted = false;
    const source = (async function* () {
      try {
        for (;;) yield "x".repeat(1000);
      } finally {
        isClosed = true;
      }
    })();
    const open = writing(
      async () => {
        throw new Error("down");
      },
      () => {
        isAborted = true;
      },
    );
    const failure = await receive(streamParts(source) as never, { ...OPTIONS, open }).catch((error) => error);
    expect(failure).toBeInstanceOf(WritingFailure);
    expect([isClosed, isAborted]).toEqual([true, true]);
  });

  test("leaves turns to others while it is read from what never waits", async () => {
    let turns = 0;
    const counting = setInterval(() => turns++, 1);
    const items = (async function* () {
      for (let n = 0; n < 300_000; n++) yield { n };
    })();
    await receive(streamParts(items) as never, OPTIONS);
    clearInterval(counting);
    expect(turns).toBeGreaterThan(5);
  });
});

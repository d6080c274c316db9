import { expect, test } from "vitest";
import { SingleFlight } from "../src/single-flight.js";

/** A run that ends when it is told to. */
function controlled() {
  let end = (_value: string) => {};
  let fail = (_error: Error) => {};
  const result = new Promise<string>((resolve, reject) => {
    end = resolve;
    fail = reject;
  });
  return { start: () => result, end, fail };
}

test("who waits for another's run stops waiting when it is cancelled, whatever the reason", async () => {
  const flights = new SingleFlight<string>();
  const { start, end } = controlled();
  const leader = flights.run("a", undefined, start);
  const controller = new AbortController();
  const joined = flights.run("a", controller.signal, start);
  controller.abort("User pressed stop");
  await expect(joined).rejects.toBe("User pressed stop");
  end("done");
  expect(await leader).toBe("done");
});

test("a run whose caller was cancelled is not joined any more, and does not fail those who joined", async () => {
  const flights = new SingleFlight<string>();
  const [first, second] = [controlled(), controlled()];
  const controller = new AbortController();
  const leader = flights.run("a", controller.signal, first.start);
  const joined = flights.run("a", undefined, second.start);
  controller.abort("gone");
  const late = flights.run("a", undefined, second.start);
  first.fail(new Error("cancelled"));
  second.end("done");
  await expect(leader).rejects.toThrow("cancelled");
  expect(await Promise.all([joined, late])).toEqual(["done", "done"]);
});

test("a failure of its own is everybody's, and the next call runs again", async () => {
  const flights = new SingleFlight<string>();
  const { start, fail } = controlled();
  const all = Promise.allSettled([1, 2, 3].map(() => flights.run("a", undefined, start)));
  fail(new Error("no luck"));
  expect((await all).every(({ status }) => status === "rejected")).toBe(true);
  expect(await flights.run("a", undefined, async () => "again")).toBe("again");
});

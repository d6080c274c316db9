/**
 * The most work done in one turn of the event loop while `work` runs, in milliseconds of CPU time: unlike the
 * clock, it is not misled by other processes on a busy machine.
 */
export async function longestTurn(work: () => Promise<unknown>): Promise<number> {
  let longest = 0;
  let last = process.cpuUsage();
  let next = setImmediate(sample);
  function sample() {
    const { user, system } = process.cpuUsage(last);
    longest = Math.max(longest, (user + system) / 1000);
    last = process.cpuUsage();
    next = setImmediate(sample);
  }
  try {
    await work();
  } finally {
    clearImmediate(next);
  }
  return longest;
}

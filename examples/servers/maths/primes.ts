/** The first primes, in order, by a sieve. */
export function primes(count: number): number[] {
  const composite = new Uint8Array(upperBound(count) + 1);
  const found: number[] = [];
  for (let candidate = 2; found.length < count; candidate++) {
    if (composite[candidate] === 1) continue;
    found.push(candidate);
    for (let multiple = candidate * candidate; multiple < composite.length; multiple += candidate) {
      composite[multiple] = 1;
    }
  }
  return found;
}

/** The n-th prime is below n (ln n + ln ln n) from the sixth on. */
function upperBound(count: number): number {
  return count < 6 ? 13 : Math.ceil(count * (Math.log(count) + Math.log(Math.log(count))));
}

/** The slowest transfer that is waited for: 10 MB a second, 80 Mbit/s. */
const BYTES_PER_MS = 10_000;
/** A timer later than this tells that the event loop was blocked, and the reply may lie unread. */
const BLOCKED_MS = 20;
/** What a blocked event loop gets to read such a reply. */
const READING_MS = 100;

/** Rejection of a call whose deadline has passed. Never leaves this folder. */
export class DeadlineError extends Error {}

/** Milliseconds that sending so many bytes may take. */
export function sendingTime(bytes: number): number {
  return bytes / BYTES_PER_MS;
}

/**
 * Settles like `work`, or rejects with `DeadlineError` after `budget` milliseconds. Bytes received meanwhile
 * lengthen it in proportion, so a large reply arrives and a trickle does not go on for ever; time in which
 * this process itself was too busy to look is forgiven once.
 */
export function withDeadline<T>(work: Promise<T>, budget: number, received = () => 0): Promise<T> {
  return new Promise((resolve, reject) => {
    let due = performance.now() + budget;
    let seen = received();
    let forgiven = false;
    let timer = setTimeout(look, budget);

    function look() {
      const now = performance.now();
      const blocked = !forgiven && now - due > BLOCKED_MS;
      const moved = received();
      due += (moved - seen) / BYTES_PER_MS;
      seen = moved;
      if (blocked) {
        forgiven = true;
        due = Math.max(due, now) + READING_MS;
      }
      if (due - now < 1) reject(new DeadlineError());
      else timer = setTimeout(look, due - now);
    }

    work.then(
      (value) => {
        clearTimeout(timer);
        resolve(value);
      },
      (error) => {
        clearTimeout(timer);
        reject(error);
      },
    );
  });
}

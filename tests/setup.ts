import fc from "fast-check";

/** A fixed seed, so that a run fails or passes the same everywhere; `FAST_CHECK_SEED` looks elsewhere. */
const seed = Number(process.env.FAST_CHECK_SEED ?? 20_250_101);

fc.configureGlobal({ seed, markInterruptAsFailure: true, interruptAfterTimeLimit: 15_000 });

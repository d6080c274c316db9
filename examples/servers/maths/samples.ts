import { randomExponential, randomLcg, randomNormal, randomUniform } from "d3-random";

/** Which random numbers; `min` and `max` are for uniform, `mean` and `std` for normal, `rate` for exponential. */
export interface SampleRequest {
  readonly distribution: "uniform" | "normal" | "exponential";
  readonly count: number;
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  readonly std: number;
  readonly rate: number;
  /** The same seed gives the same numbers. */
  readonly seed?: number | undefined;
}

/** Random numbers of a distribution. */
export function randomSample(request: SampleRequest): number[] {
  const draw = distributionOf(request, randomLcg(request.seed));
  return Array.from({ length: request.count }, () => draw());
}

function distributionOf({ distribution, min, max, mean, std, rate }: SampleRequest, source: () => number) {
  switch (distribution) {
    case "uniform":
      return randomUniform.source(source)(min, max);
    case "normal":
      return randomNormal.source(source)(mean, std);
    case "exponential":
      return randomExponential.source(source)(rate);
  }
}

/** A straight line through samples, by least squares, and how sure its slope is. */

export interface Sample {
  readonly hours: number;
  readonly value: number;
}

export interface Trend {
  /** Slope of the line, in units of the value. */
  readonly perHour: number;
  /** Half of the 95 % confidence interval of the slope. Infinite for fewer than three samples. */
  readonly error: number;
}

/** The 97.5 % quantile of the normal distribution. */
const Z = 1.96;

/**
 * The trend of samples that are evenly spaced in time. Memory changes slowly, so that neighbours resemble each other and say less than as
 * many independent samples: the error counts that by the correlation of neighbouring residuals.
 */
export function trendOf(samples: readonly Sample[]): Trend {
  const n = samples.length;
  const meanX = mean(samples.map(({ hours }) => hours));
  const meanY = mean(samples.map(({ value }) => value));
  const spread = sum(samples.map(({ hours }) => (hours - meanX) ** 2));
  if (n < 3 || spread === 0) return { perHour: 0, error: Number.POSITIVE_INFINITY };
  const perHour = sum(samples.map(({ hours, value }) => (hours - meanX) * (value - meanY))) / spread;
  const residuals = samples.map(({ hours, value }) => value - meanY - perHour * (hours - meanX));
  const squares = sum(residuals.map((each) => each ** 2));
  const correlation =
    squares === 0 ? 0 : sum(residuals.slice(1).map((each, at) => each * (residuals[at] ?? 0))) / squares;
  const ratio = Math.min(0.99, Math.max(0, correlation));
  const independent = Math.max(3, (n * (1 - ratio)) / (1 + ratio));
  const freedom = independent - 2;
  const error = studentT(freedom) * Math.sqrt((squares / n / freedom / (spread / n)) * 1);
  return { perHour, error };
}

/** The 97.5 % quantile of Student's distribution, by its expansion around the normal one; exact enough from three degrees on. */
function studentT(freedom: number): number {
  const first = (Z ** 3 + Z) / 4;
  const second = (5 * Z ** 5 + 16 * Z ** 3 + 3 * Z) / 96;
  const third = (3 * Z ** 7 + 19 * Z ** 5 + 17 * Z ** 3 - 15 * Z) / 384;
  return Z + first / freedom + second / freedom ** 2 + third / freedom ** 3;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : sum(values) / values.length;
}

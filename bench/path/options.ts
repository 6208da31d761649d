import { parsePath } from "../../lab/path/index.ts";
import { text, UsageError, type Values } from "../flags.ts";

/** Seconds of the window after an outage. */
const AFTER_OUTAGE_S = 3;

/** Checks the path of a flag; an outage must leave time to see what comes after it. Throws {@link UsageError}. */
export function pathOf(values: Values, name: string, windowS: number): string | undefined {
  const spec = text(values, name);
  if (spec === undefined) return undefined;
  try {
    const { outage } = parsePath(spec);
    if (outage !== undefined && outage.at + outage.seconds + AFTER_OUTAGE_S > windowS)
      throw new Error(`after the outage, ${AFTER_OUTAGE_S} s of the window must be left; use a longer --seconds`);
    return spec;
  } catch (error) {
    throw new UsageError(`--${name}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

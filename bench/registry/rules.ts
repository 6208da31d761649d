import { ClockBound, type RegistryDeps } from "../../cluster/index.ts";
import { systemClock } from "../../transport/shared/index.ts";

/** What registries of benchmarks have besides their bounds: the rules of a root; breaches are not reported. */
export const RULES: Pick<RegistryDeps, "clocks" | "namesakeMs" | "contested"> = {
  clocks: new ClockBound({ clock: systemClock, wallNow: Date.now, refused: () => {}, report: () => {} }),
  namesakeMs: 5_000,
  contested: () => {},
};

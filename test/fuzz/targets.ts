import type { FuzzTarget } from "./target.ts";
import { wireTargets } from "./wire.ts";

/** Every reader of what peers send. */
export const TARGETS: readonly FuzzTarget[] = [...wireTargets()];

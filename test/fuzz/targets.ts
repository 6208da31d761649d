import { ietfControlTargets } from "./ietf-control.ts";
import { ietfDataTargets } from "./ietf-data.ts";
import { proxiedTargets } from "./proxied.ts";
import { registryTargets } from "./registry.ts";
import type { FuzzTarget } from "./target.ts";
import { tokenTargets } from "./tokens.ts";
import { wireTargets } from "./wire.ts";

/** Every reader of what peers and proxies send, and of what others may have written where roots share it. */
export const TARGETS: readonly FuzzTarget[] = [
  ...wireTargets(),
  ...ietfDataTargets(),
  ...ietfControlTargets(),
  ...registryTargets(),
  ...proxiedTargets(),
  ...tokenTargets(),
];

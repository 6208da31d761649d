import type { FileValues } from "../relay/config/index.ts";

/**
 * A configuration by section and key, with the names of docs/config.md. In the published package this type is written out, with the
 * description of each key (scripts/types/config-values.ts).
 */
export type RelayConfig = FileValues;

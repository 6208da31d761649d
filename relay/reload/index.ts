/** Takes a new configuration while the relay runs: all of its live values, or none. */
export { PoliciesNotSaved } from "./policies-file.ts";
export { type ConfigurationSource, fixedSource, Reloader } from "./reloader.ts";
export type { ReloadReport, RunningSettings } from "./report.ts";

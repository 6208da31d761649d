export { ControlClient } from "./client.ts";
export type { ControlTable } from "./local.ts";
export { NOBODY } from "./null-source.ts";
export { nodePath, parseControlPath } from "./paths.ts";
export { RootTable, type RootTableOptions } from "./session-server.ts";

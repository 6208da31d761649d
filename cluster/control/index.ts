export { ControlClient } from "./client.ts";
export type { ControlTable } from "./local.ts";
export { NULL_SOURCE } from "./null-source.ts";
export { ControlSessionServer, type ControlSessionServerOptions } from "./session-server.ts";

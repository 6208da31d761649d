export type { AccessQuestion, Verdict } from "./access.ts";
export { AdminServer } from "./admin.ts";
export { isLocalRequest } from "./local.ts";
export { type Page, readPage } from "./page.ts";
export type { HttpPort, PortStats } from "./port.ts";
export { listenPublic, type PublicHttpOptions } from "./public.ts";
export type {
  AuthView,
  ClusterBroadcast,
  ClusterNode,
  ClusterView,
  RelayState,
  RelayView,
  SessionCount,
} from "./view.ts";

export type { AccessQuestion, Verdict } from "./access.ts";
export type { AdminServer } from "./admin.ts";
export {
  type Accepted,
  API_METRICS,
  ApiProblem,
  Audit,
  type Authority,
  DONE,
  doneSchema,
  fromText,
  MAX_PAGE,
  type Operation,
  openApiDocument,
  operation,
  page,
  pageOf,
  pageShape,
  pathField,
  REFUSALS,
  RIGHTS,
  type Right,
  reasonField,
  type Shown,
  switchField,
  withOneOf,
} from "./api/index.ts";
export { type Clients, DIRECT_CLIENTS } from "./clients.ts";
export { describeRelay, relayDescription } from "./description.ts";
export { listenAdmin } from "./listen-admin.ts";
export { isLocalRequest, isLoopbackHost, isProxied } from "./local.ts";
export { METRIC_PREFIX } from "./metric-prefix.ts";
export { PrometheusExport } from "./metrics.ts";
export { DASHBOARD_HEADERS, DEMO_HEADERS, type Page, readPage } from "./page.ts";
export { type HttpPort, PORT_METRICS, type PortStats } from "./port.ts";
export { listenPublic, type PublicHttpOptions } from "./public.ts";
export {
  type ClusterBroadcast,
  type ClusterNode,
  type ClusterRegion,
  type ClusterTenant,
  type ClusterTraffic,
  type ClusterView,
  RELAY_METRICS,
  type RelayState,
  type RelayView,
  relayReadings,
  type SessionCount,
} from "./view.ts";

export { ExternalAnnouncements } from "./external-announcement.ts";
export { Interest, type ScopeProgress } from "./interest.ts";
export { ScopesAbove } from "./scopes-above.ts";
export { Stamper } from "./stamp.ts";
export { type Health, type Holders, RouteTable } from "./table.ts";

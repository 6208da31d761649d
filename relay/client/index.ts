export { certificateFault, describeTcpFailure } from "../../transport/tls/index.ts";
export type { AnnouncedChange } from "./announced-paths.ts";
export { askAccess, isAdminListener, type Verdict } from "./ask.ts";
export { type Client, connect, FetchError, type FetchedGroup, PROTOCOLS, SessionEndedError } from "./client.ts";
export { adminListener } from "./dial.ts";

export { certificateFault, describeTcpFailure } from "../../transport/tls/index.ts";
export type { AnnouncedChange } from "./announced-paths.ts";
export { askAccess, isAdminListener, type Verdict } from "./ask.ts";
export { connect, PROTOCOLS } from "./client.ts";
export { type Client, FetchError, type FetchedGroup, SessionEndedError } from "./contract.ts";
export { adminListener } from "./dial.ts";

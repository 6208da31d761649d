export { openAdminPort } from "./admin-port.ts";
export { Defects } from "./defects.ts";
export { Descriptors } from "./descriptors.ts";
export { drainSessions } from "./drain.ts";
export { engineFault, meshFault, openEngine } from "./engine.ts";
export { FileWatch, watchedFiles } from "./file-watch.ts";
export { type Admission, AUTH_METRICS, AuthGate } from "./gate.ts";
export type { Listeners, WebSocketSessions } from "./listeners.ts";
export { nativeSettings } from "./native.ts";
export { pemPairs } from "./options.ts";
export { openPublicPort, readDemoPage } from "./public-port.ts";
export { Readiness } from "./readiness.ts";
export { RevokeRoute } from "./revoke.ts";
export { ServedCertificate } from "./served-certificate.ts";
export {
  CLOSE_SHUTDOWN,
  clientSessionPolicy,
  SessionHost,
  type SessionPolicy,
} from "./sessions.ts";
export { Steps } from "./steps.ts";
export { waitUntil } from "./wait.ts";

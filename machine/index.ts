/** The machine that a relay runs on: its service manager. */
export { openServiceSocket, ServiceState, serviceStatus } from "./service/index.ts";

/** The relay as a service of systemd. */
export { openServiceSocket } from "./socket.ts";
export { ServiceState, serviceStatus } from "./state.ts";

/** A bad network between real sockets: what it does is written in one line, and is the same for the same seed. */
export { capacityBytes, PATH_KEYS, parsePath } from "./spec.ts";
export { UdpPath } from "./udp-path.ts";

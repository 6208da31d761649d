/** What the native engine's binary does for the process besides QUIC. */
export { systemCalls } from "../../transport/native/index.ts";

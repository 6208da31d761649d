/** What keeps a relay alive when more is asked of it than the machine has. */
export { HANDSHAKE_METRICS, type HandshakeBounds, HandshakeRate } from "./handshake-rate.ts";

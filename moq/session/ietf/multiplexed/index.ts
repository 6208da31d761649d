export { type MultiplexedSession, Multiplexer } from "./multiplexer.ts";

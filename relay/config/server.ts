import { EXPERIMENTAL_PROTOCOLS } from "../../moq/session/index.ts";
import { ENGINE_NAMES } from "../../transport/engines.ts";
import { choice, choices, flagField, integer, text } from "./fields.ts";
import { section } from "./section.ts";

export const serverSection = section("server", "Where the relay listens for publishers and viewers, and how.", {
  host: text({
    description:
      "Address that the public listeners bind to, UDP and TCP. `::` takes IPv6 and IPv4; where the machine has no IPv6 it falls back to `0.0.0.0`.",
    default: "::",
    flag: "host",
  }),
  port: integer({
    description: "Public port: WebTransport over UDP, HTTP and WebSocket over TCP. `0` takes any free port.",
    default: 4443,
    min: 0,
    max: 65535,
    flag: "port",
  }),
  engine: choice(["auto", ...ENGINE_NAMES], {
    description:
      "QUIC engine. `auto` takes the best one that loads and logs which; a named engine that cannot load is an error.",
    default: "auto",
    flag: "engine",
  }),
  threads: integer({
    description:
      "Threads of the native engine for QUIC, besides the one that decides. `0`: as many as there are cores, less one.",
    default: 0,
    min: 0,
    max: 64,
  }),
  experimental: choices(EXPERIMENTAL_PROTOCOLS, {
    description: "Protocols offered besides the finished ones.",
    default: [],
  }),
  websocket: flagField({
    description: "Offer the same sessions over WebSocket on the TCP side of the port, for networks that block UDP.",
    default: true,
  }),
});

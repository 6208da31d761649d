import { CLIENT_PROTOCOLS, EXPERIMENTAL_PROTOCOLS } from "../../moq/session/index.ts";
import { ENGINE_NAMES } from "../../transport/engines.ts";
import { choice, choices, flagField, integer, optionalFlag, text } from "./fields.ts";
import { section } from "./section.ts";

export const serverSection = section("server", "Where the relay listens for publishers and viewers, and how.", {
  host: text({
    description:
      "Address that the public listeners bind to, UDP and TCP. `::` stands for IPv6 and IPv4; on a machine without IPv6 it becomes `0.0.0.0`.",
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
      "QUIC engine. `auto` chooses the best one that loads and logs its name. A named engine that does not load is an error.",
    default: "auto",
    flag: "engine",
  }),
  threads: integer({
    description:
      "Threads of the native engine for QUIC, besides the thread of JavaScript. `0`: one less than there are cores.",
    default: 0,
    min: 0,
    max: 64,
  }),
  plaintext: optionalFlag({
    description:
      "Serve `http:` and `ws:` on the public port of TCP besides `https:` and `wss:`. Without it, plain requests get 426 and a sentence, except for the fingerprint of a self-signed certificate and for `[http] public_health`. Set it behind a proxy that ends TLS.",
    fallback: "`true` where only this machine reaches `host`, else `false`",
  }),
  developer_tools: flagField({
    description:
      "Allow the tools of developers where other machines reach the relay: the demo page, `experimental` and `[quic] qlog_dir`. Without it a relay with one of them starts on a loopback `host` only. `check --production` refuses them.",
    default: false,
  }),
  protocols: choices(CLIENT_PROTOCOLS, {
    description:
      "Stable protocol versions that the relay offers to clients. When empty, all. A client that speaks none of them is refused in its handshake.",
    default: [],
  }),
  experimental: choices(EXPERIMENTAL_PROTOCOLS, {
    description:
      "Experimental protocol versions that the relay offers besides the stable ones, also to the relays of `[cluster] connect`.",
    default: [],
  }),
  websocket: flagField({
    description: "Offer the same sessions over WebSocket on the same port of TCP, for networks that block UDP.",
    default: true,
  }),
});

import { choice, duration, flagField, integer, optionalText, size } from "./fields.ts";
import { section } from "./section.ts";

/** Values of `[quic] congestion`. */
export const CONGESTION = ["cubic", "bbr", "newreno"] as const;

export const quicSection = section("quic", "Parameters of the native engine; other engines do not look at them.", {
  congestion: choice(CONGESTION, {
    description:
      "Congestion control of what is sent. `bbr` measures how fast a path delivers and keeps its queues short; packets lost by chance do not slow it down. `cubic` and `newreno` take each loss for congestion and starve viewers at 1 % of it.",
    default: "bbr",
  }),
  ack_frequency: flagField({
    description: "Ask peers to acknowledge less often, where they offer the extension. Saves both ends work.",
    default: true,
  }),
  ack_delay: duration({
    description:
      "How long peers may hold back an acknowledgement with `ack_frequency`; a round trip at most, or 25 ms where that is longer. `50ms` saves half of the acknowledgements at 30 frames a second, and makes what is lost at the end of a burst later by as much. `0`: what peers propose, mostly 25 ms.",
    default: "0s",
    min: "0s",
    max: "1s",
  }),
  send_window: size({
    description:
      "Bytes that QUIC holds of one session at least; it holds up to twice its congestion window. What is here cannot be dropped any more when a viewer falls behind.",
    default: "256KiB",
    min: "16KiB",
    max: "64MiB",
  }),
  stream_receive_window: size({
    description: "Bytes that a peer may send on one stream before they are read.",
    default: "2MiB",
    min: "16KiB",
    max: "256MiB",
  }),
  receive_window: size({
    description: "Bytes that a peer may send on all streams of a session before they are read.",
    default: "8MiB",
    min: "64KiB",
    max: "1GiB",
  }),
  socket_buffer: size({
    description:
      "Bytes that the kernel is asked to buffer for the UDP socket, each way. A warning names the sysctl when it gives less.",
    default: "4MiB",
    min: "64KiB",
    max: "256MiB",
  }),
  initial_streams: integer({
    description:
      "Streams of each kind that a peer may have open at the beginning; it is allowed more as it uses them, up to `limits.uni_streams` and `limits.bidi_streams`. QUIC keeps a table of all that are allowed, which is a third of a viewer's memory at 256. `0` allows all at once.",
    default: 16,
    min: 0,
    max: 65_535,
  }),
  initial_mtu: integer({
    description:
      "UDP payload in bytes to begin with. Every path carries 1200; more is found by probing. Set it higher on private networks that are known to carry it.",
    default: 1200,
    min: 1200,
    max: 65_527,
  }),
  max_mtu: integer({
    description:
      "Largest UDP payload in bytes that is looked for by probing, and taken from peers. 8900 between relays whose network has jumbo frames, on both of them: video costs 40 % less then. Buffers of 2 KiB for each byte of it are kept for a socket.",
    default: 1452,
    min: 1200,
    max: 65_527,
  }),
  retry_above: integer({
    description: "Unfinished handshakes above which clients prove their address first (Retry). `0`: always.",
    default: 256,
    min: 0,
    max: 4096,
  }),
  reuse_port: flagField({
    description: "Let several processes bind the same port (`SO_REUSEPORT`).",
    default: false,
  }),
  reset_key: optionalText({
    description:
      "File with at least 32 random bytes. With the same key after a restart, peers learn at once that their old connection is gone. No two relays should have the same key.",
    fallback: "`reset.key` in `[tls] state_dir`, made when it is missing; a key of its own for each host and port",
  }),
  client_ca: optionalText({
    description:
      "PEM file with the roots that certificates of clients must chain to. Clients without one are let in, too.",
    fallback: "no certificate is asked for",
  }),
  qlog_dir: optionalText({
    description:
      "Folder for a qlog file of each connection; made when it is missing. For debugging: it costs time and space.",
    fallback: "no qlog",
  }),
});

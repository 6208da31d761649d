import {
  choice,
  duration,
  flagField,
  integer,
  optionalText,
  REDACTED,
  secretFile,
  secretText,
  size,
} from "./fields.ts";
import { section } from "./section.ts";

/** Values of `[quic] congestion`. */
export const CONGESTION = ["delay", "cubic", "newreno"] as const;

/** A reset key as text: at least 32 bytes in hexadecimal. */
export const RESET_KEY_TEXT = /^([0-9a-f]{2}){32,}$/i;

export const quicSection = section(
  "quic",
  "Parameters of the native engine; other engines ignore them.",
  {
    congestion: choice(CONGESTION, {
      description:
        "Congestion control of what the relay sends. `delay` keeps the queue of a path short, and connections of relays that share a link get equal parts; random loss does not slow it down. `cubic` and `newreno` fill the queue, and treat every loss as congestion, so that 1 % of loss starves viewers. For `delay` the clocks of relays should agree within 100 ms.",
      default: "delay",
    }),
    ack_frequency: flagField({
      description: "Ask peers that offer the extension to acknowledge less often, which saves work at both ends.",
      default: true,
    }),
    ack_delay: duration({
      description:
        "Longest time that a peer may delay an acknowledgement with `ack_frequency`. It is never more than a round trip, or 25 ms if that is longer. `50ms` halves the acknowledgements at 30 frames a second, but a loss at the end of a burst is repaired 50 ms later. `0s`: the time that the peer proposes, mostly 25 ms.",
      default: "0s",
      min: "0s",
      max: "1s",
    }),
    send_window: size({
      description:
        "Least bytes of one session that QUIC holds; it holds up to twice the congestion window. Data that QUIC holds cannot be dropped when a viewer falls behind.",
      default: "256KiB",
      min: "16KiB",
      max: "64MiB",
    }),
    initial_window: size({
      description:
        "Bytes that a session may send before the first acknowledgement. More starts faster on long paths; on thin ones the first packets wait for longer or are lost.",
      default: "40000",
      min: "2400",
      max: "1MiB",
    }),
    packet_threshold: integer({
      description:
        "A packet counts as lost when one that was sent this many packets later has arrived. RFC 9002 recommends 3. More suits networks that reorder packets, where each wrong guess is sent twice; a lost packet is then repaired later.",
      default: 20,
      min: 3,
      max: 1000,
    }),
    time_threshold: integer({
      description:
        "A packet also counts as lost after this time, in percent of a round trip, when one that was sent later has arrived. RFC 9002 recommends 113.",
      default: 120,
      min: 113,
      max: 400,
    }),
    stream_receive_window: size({
      description: "Bytes that a peer may send on one stream before the relay has read them.",
      default: "2MiB",
      min: "16KiB",
      max: "256MiB",
    }),
    receive_window: size({
      description: "Bytes that a peer may send on all streams of a session before the relay has read them.",
      default: "8MiB",
      min: "64KiB",
      max: "1GiB",
    }),
    socket_buffer: size({
      description:
        "Buffer of the UDP socket that the relay asks the kernel for, in each direction. When the kernel gives less, a warning names the sysctl to raise.",
      default: "4MiB",
      min: "64KiB",
      max: "256MiB",
    }),
    initial_streams: integer({
      description:
        "Streams of each kind that a peer may open at first. The number grows with use, up to `limits.uni_streams` and `limits.bidi_streams`. QUIC keeps a table of all allowed streams: at 256 it is a third of the memory of a viewer. `0` allows all from the start.",
      default: 8,
      min: 0,
      max: 65_535,
    }),
    initial_mtu: integer({
      description:
        "UDP payload in bytes at the start. Every path carries 1200, and QUIC finds out by probing whether it carries more. Set it higher only on private networks that are known to carry it.",
      default: 1200,
      min: 1200,
      max: 65_527,
    }),
    max_mtu: integer({
      description:
        "Largest UDP payload in bytes that QUIC probes for and accepts from peers. Set it to 8900 on both relays of a network with jumbo frames: video then costs 40 % less CPU. A socket keeps buffers of 2 KiB for each byte of it.",
      default: 1452,
      min: 1200,
      max: 65_527,
    }),
    retry_above: integer({
      description: "Unfinished handshakes above which new clients must prove their address first (Retry). `0`: always.",
      default: 256,
      min: 0,
      max: 4096,
    }),
    reuse_port: flagField({
      description: "Let several processes bind the same port (`SO_REUSEPORT`).",
      default: false,
    }),
    reset_key: secretText({
      description:
        "Random bytes in hexadecimal, at least 64 digits. A relay that restarts with the same key can tell peers at once that their old connection is gone. Give each relay its own key. Set it as `MOQMESH_QUIC_RESET_KEY`.",
      fallback: "`reset.key` in `[tls] state_dir`; the relay makes it, one for each host and port",
      shown: () => REDACTED,
    }),
    reset_key_file: secretFile({
      of: "reset_key",
      description:
        "File with that key: at least 32 random bytes, or 64 hexadecimal digits. The relay uses a replaced file for new connections.",
      fallback: "none",
      reread: "within two seconds of its replacement",
    }),
    qlog_dir: optionalText({
      description:
        "Folder for one qlog file for each connection; the relay makes it. It is for debugging and costs CPU and disk space.",
      fallback: "no qlog",
    }),
  },
  [
    {
      keys: ["reset_key"],
      broken: ({ reset_key }) =>
        reset_key === undefined || RESET_KEY_TEXT.test(reset_key)
          ? undefined
          : "`reset_key` is the key itself, at least 64 hexadecimal digits; name a file with `reset_key_file`",
    },
    {
      keys: ["initial_mtu", "max_mtu"],
      broken: ({ initial_mtu, max_mtu }) =>
        initial_mtu <= max_mtu ? undefined : "`initial_mtu` must not be larger than `max_mtu`",
    },
    {
      keys: ["stream_receive_window", "receive_window"],
      broken: (q) =>
        q.stream_receive_window <= q.receive_window
          ? undefined
          : "`stream_receive_window` must not be larger than `receive_window`, which bounds all streams together",
    },
  ],
);

import { align } from "../report/table.ts";
import type { FloodFigures } from "./flood.ts";
import type { FloodOptions } from "./options.ts";

const round = (value: number, digits = 1) => Number(value.toFixed(digits));

/** The result for a program: one JSON object. */
export function floodJson(options: FloodOptions, figures: readonly FloodFigures[]) {
  const { messages, broadcasts, watchers, senders, websocket } = options;
  return {
    messages,
    broadcasts,
    watchers,
    senders,
    binding: websocket ? "websocket" : "quic",
    kinds: figures.map((figure) => ({
      kind: figure.kind,
      messages: figure.messages,
      cpu_ratio: round(figure.ratio, 2),
      relay_us_per_message: round(figure.relayUsPerMessage),
      sender_us_per_message: round(figure.senderUsPerMessage),
      gap_ms: round(figure.gapMs),
      quiet_gap_ms: round(figure.quietGapMs),
      rss_mb: round(figure.rssMb),
      closed: figure.closed ?? null,
    })),
  };
}

/** The result for a person. */
export function floodText(options: FloodOptions, figures: readonly FloodFigures[]): string {
  const { messages, broadcasts, watchers, senders, websocket } = options;
  const header = [
    "kind",
    "messages",
    "relay/sender",
    "relay, us",
    "sender, us",
    "gap, ms",
    "quiet, ms",
    "RSS, MB",
    "ended by the relay",
  ];
  const rows = figures.map((figure) => [
    figure.kind,
    String(figure.messages),
    figure.messages === 0 ? "" : figure.ratio.toFixed(1),
    figure.relayUsPerMessage.toFixed(1),
    figure.senderUsPerMessage.toFixed(1),
    figure.gapMs.toFixed(0),
    figure.quietGapMs.toFixed(0),
    figure.rssMb.toFixed(0),
    figure.closed ?? "",
  ]);
  return [
    `flood: ${messages} messages of each kind by ${senders} over ${websocket ? "WebSocket" : "QUIC"}; ${broadcasts} broadcasts, ${watchers} watchers`,
    "",
    ...align([header, ...rows]),
  ].join("\n");
}

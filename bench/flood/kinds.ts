/** The kinds of flood. Each is one kind of message, or of stream, that a peer may send. */
export const KINDS = [
  "announce-request",
  "subscribe",
  "subscribe-update",
  "track",
  "fetch",
  "probe",
  "goaway",
  "announce-start-end",
  "announce-repeat",
  "subscribe-drop",
  "group",
  "group-unwanted",
  "empty-frame",
  "datagram",
  "bidi-reset",
  "uni-reset",
  "bidi-unknown",
  "uni-unknown",
] as const;
export type Kind = (typeof KINDS)[number];

/** Broadcast that the sender publishes, and its track; the bench watches it. */
export const FLOODED = "flood/of-messages";
export const TRACK = "data";

/** The version that sender and bystanders speak: one in which every kind of message is allowed ten thousand times. */
export const PROTOCOL = "moq-lite-05";

/** First part of the names of the broadcasts in the relay's table. */
export const LOBBY = "lobby";

import { pathParts } from "../../path.ts";
import { type FullTrackName, type Namespace, namespaceText, trackNameText } from "../../wire/ietf/index.ts";
import type { IetfContext } from "./context.ts";
import type { NamedTrack } from "./named-track.ts";
import type { Refusal } from "./refusal.ts";

/** First field of namespaces that belong to the session itself, of which this relay has none (Session-Level Tracks). */
const SESSION = ".session";
/** First field that must not be used (Reserved Namespaces). */
const RESERVED = ".";

/** The absolute path of a namespace, or why requests of it are refused. */
export function absolutePath(namespace: Namespace, context: IetfContext): string | Refusal {
  const { session, wire } = context;
  const relative = namespaceText(namespace);
  const [first = ""] = relative.split("/", 1);
  if (first === SESSION || first === RESERVED) {
    return { reason: "not_found", text: `this relay has nothing in the namespace "${first}"` };
  }
  const path = session.absolute(relative);
  if (pathParts(path) > wire.pathParts || byteLength(path) > wire.pathBytes) {
    session.admission.full("path_bytes");
    return { reason: "limit", text: `a path of more than ${wire.pathBytes} bytes or ${wire.pathParts} parts` };
  }
  return path;
}

/** The track of a full track name, or why requests of it are refused. */
export function namedTrack({ namespace, name }: FullTrackName, context: IetfContext): NamedTrack | Refusal {
  const path = absolutePath(namespace, context);
  if (typeof path !== "string") return path;
  const track = trackNameText(name);
  const { trackNameBytes } = context.wire;
  if (byteLength(track) > trackNameBytes) {
    context.session.admission.full("track_name_bytes");
    return { reason: "limit", text: `a track name of more than ${trackNameBytes} bytes` };
  }
  return { path, track };
}

export function isRefusal(value: object): value is Refusal {
  return "reason" in value;
}

function byteLength(text: string): number {
  return encoder.encode(text).length;
}

const encoder = new TextEncoder();

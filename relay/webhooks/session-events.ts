import type { AnnounceTable } from "../../moq/session/index.ts";
import type { SessionClosed, SessionOpened } from "../log/index.ts";
import { watchPublications } from "./announcements.ts";
import type { WebhookData, WebhookEvent } from "./events.ts";

/** Where events go. */
export interface EventSink {
  send(type: WebhookEvent, data: WebhookData): void;
}

/** Reports one session of a client, and the broadcasts that it publishes. */
export class SessionEvents {
  readonly #sink: EventSink;
  readonly #facts: { readonly session: string; readonly tenant: string };
  readonly #opened: Omit<WebhookData, "session" | "tenant">;

  constructor(sink: EventSink, { session, engine, protocol, peer, path, ...who }: SessionOpened, tenant: string) {
    this.#sink = sink;
    this.#facts = {
      session,
      tenant,
      ...(who.subject !== undefined && { subject: who.subject }),
      ...(who.tokenId !== undefined && { token_id: who.tokenId }),
    };
    this.#opened = { address: peer, engine, protocol, path };
  }

  opened(): void {
    this.#sink.send("session_opened", { ...this.#facts, ...this.#opened });
  }

  closed({ reason, code, text, durationMs, ...counts }: SessionClosed): void {
    this.#sink.send("session_closed", {
      ...this.#facts,
      ...this.#opened,
      reason,
      code,
      message: text,
      duration_ms: Math.round(durationMs),
      bytes_received: counts.bytesReceived,
      bytes_sent: counts.bytesSent,
      broadcasts: counts.broadcasts,
      subscriptions: counts.subscriptions,
    });
  }

  /** `table`, with a report of what the session publishes there. */
  table(table: AnnounceTable): AnnounceTable {
    return watchPublications(table, (type, broadcast) => this.#sink.send(type, { ...this.#facts, broadcast }));
  }
}

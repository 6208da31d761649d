/** What a webhook is about. */
export const WEBHOOK_EVENTS = ["publish", "unpublish", "session_opened", "session_closed"] as const;
export type WebhookEvent = (typeof WEBHOOK_EVENTS)[number];

/** What all events of one session say. */
export interface SessionFacts {
  /** The id of the session, as in the log and the admin API. */
  readonly session: string;
  /** Empty for a session without a token. */
  readonly tenant: string;
  /** `sub` and `jti` of its token. */
  readonly subject?: string;
  readonly token_id?: string;
}

/** Fields of `data` in the body of a webhook, besides `node`. They have no credential. */
export interface WebhookData extends SessionFacts {
  /** Of `publish` and `unpublish`: the path of the broadcast. */
  readonly broadcast?: string;
  readonly [field: string]: string | number | undefined;
}

/** An event that waits to be delivered. */
export interface QueuedEvent {
  /** Unique, and the same for every attempt: receivers use it to drop what they have already. */
  readonly id: string;
  readonly type: WebhookEvent;
  /** ISO 8601. */
  readonly timestamp: string;
  readonly data: { readonly node: string } & WebhookData;
  /** Events with the same key are delivered in order. */
  readonly key: string;
}

/** The body of a request. `missed`: events that were dropped before this one, since the last that was delivered. */
export function bodyOf({ id, type, timestamp, data }: QueuedEvent, missed: number): string {
  return JSON.stringify({ id, type, timestamp, ...(missed > 0 && { missed }), data });
}

/** Notices of a cloud that a machine will end. */

/** `rebalance` is only a warning that an interruption has become likely. */
export const NOTICE_KINDS = ["interruption", "scale_in", "maintenance", "rebalance"] as const;

export interface Notice {
  readonly kind: (typeof NOTICE_KINDS)[number];
  /** The same for the same notice each time. */
  readonly id: string;
  /** When the machine ends, in milliseconds since 1970; undefined where the cloud does not say. */
  readonly endsAt: number | undefined;
  /** What will happen, as a part of a sentence for people: "AWS will terminate this spot instance". */
  readonly text: string;
}

/** The metadata service of a cloud. */
export interface NoticeSource {
  /** The notices that are in force. Rejects when the service does not answer as it should. */
  poll(): Promise<readonly Notice[]>;
  /** Says that the machine is ready for what the notice announces, so that it need not wait. */
  acknowledge?(notice: Notice): Promise<void>;
}

/** An answer of a metadata service. */
export interface MetadataAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

export interface MetadataRequest {
  readonly method?: "GET" | "PUT" | "POST";
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Milliseconds; default 5 s. */
  readonly timeoutMs?: number;
}

/** Asks a metadata service. `target`: path and query. */
export type AskMetadata = (target: string, request: MetadataRequest) => Promise<MetadataAnswer>;

export interface SourceDeps {
  readonly ask: AskMetadata;
  /** Milliseconds since 1970. */
  readonly wallNow: () => number;
  /** Milliseconds between two polls. */
  readonly everyMs: number;
}

/** The body of an answer that should be 200. */
export function bodyOf(what: string, { status, text }: MetadataAnswer): string {
  if (status !== 200) throw new Error(`${what}: HTTP status ${status}`);
  return text;
}

/** The body, or nothing where there is no such entry. */
export function optionalBody(what: string, answer: MetadataAnswer): string | undefined {
  return answer.status === 404 ? undefined : bodyOf(what, answer);
}

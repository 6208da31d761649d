export type TransportErrorCode =
  | "engine_unavailable"
  | "bind_failed"
  | "bad_certificate"
  | "start_hangs"
  | "dial_failed"
  | "dial_timeout"
  | "dial_rejected"
  | "no_common_protocol"
  | "unsupported_url"
  | "cluster_unusable";

/** A failed `listen` or `dial`. */
export class TransportError extends Error {
  readonly code: TransportErrorCode;
  /** HTTP status of a rejection, where there was one. */
  readonly status: number | undefined;
  /** A stable name of what is wrong, finer than `code`, such as `key_mismatch` of `bad_certificate`. */
  readonly fault: string | undefined;

  constructor(
    code: TransportErrorCode,
    message: string,
    options?: { cause?: unknown; status?: number; fault?: string },
  ) {
    super(message, options?.cause === undefined ? undefined : { cause: options.cause });
    this.name = "TransportError";
    this.code = code;
    this.status = options?.status;
    this.fault = options?.fault;
  }
}

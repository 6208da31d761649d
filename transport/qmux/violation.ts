/** Transport error codes of QUIC that QMux uses (RFC 9000 section 20.1). */
export const TRANSPORT_CODES = {
  NO_ERROR: 0x0,
  INTERNAL_ERROR: 0x1,
  FLOW_CONTROL_ERROR: 0x3,
  STREAM_LIMIT_ERROR: 0x4,
  STREAM_STATE_ERROR: 0x5,
  FINAL_SIZE_ERROR: 0x6,
  FRAME_ENCODING_ERROR: 0x7,
  TRANSPORT_PARAMETER_ERROR: 0x8,
  PROTOCOL_VIOLATION: 0xa,
} as const;

export type TransportCode = keyof typeof TRANSPORT_CODES;

/** The peer broke a rule. It ends the connection with `code`, and `message` names the code and the clause. */
export class Violation extends Error {
  readonly code: TransportCode;

  constructor(code: TransportCode, what: string, clause: string) {
    super(`${code}: ${what} (${clause})`);
    this.name = "Violation";
    this.code = code;
  }
}

/** The name of a transport error code that a peer sent, or its number. */
export function codeName(code: number): string {
  for (const [name, value] of Object.entries(TRANSPORT_CODES)) if (value === code) return name;
  return `0x${code.toString(16)}`;
}

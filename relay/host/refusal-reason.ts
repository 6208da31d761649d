import type { Reason } from "../../moq/reason.ts";

/** HTTP statuses of refused sessions. */
export const STATUS_BAD_REQUEST = 400;
export const STATUS_ERROR = 500;

/** The reason for a client whose binding has no HTTP status. */
export function reasonFor(status: number): Reason {
  switch (status) {
    case 401:
    case 403:
      return "unauthorized";
    case STATUS_BAD_REQUEST:
      return "unroutable";
    case 429:
      return "limit";
    case STATUS_ERROR:
      return "internal";
    default:
      return "closed";
  }
}

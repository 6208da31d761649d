/** Who sends a request to the admin listener, and whether it may: the same for the API and for what monitoring asks. */
import type { IncomingMessage } from "node:http";
import { tls } from "../../../transport/shared/index.ts";
import { isProxied } from "../local.ts";
import type { Accepted } from "./authority.ts";
import type { ApiDeps, RateLimit } from "./deps.ts";
import type { Actor, Right } from "./operation.ts";
import { ApiProblem } from "./problem.ts";

/** Counts a request of the address. Throws when it is beyond the bound. */
export function checkRate(
  request: IncomingMessage,
  rate: RateLimit,
  { clients, refused }: Pick<ApiDeps, "refused" | "clients">,
): void {
  const wait = rate.take(clients.of(request).address);
  if (wait === undefined) return;
  refused("rate");
  const message = `too many requests from this address: try again in ${wait} s`;
  throw new ApiProblem(429, "too_many_requests", message, { "Retry-After": String(wait) });
}

/** Who sends the request. Throws when its credential does not grant the right. */
export async function requireRight(
  request: IncomingMessage,
  right: Right,
  { authority, clients, openToRead, refused }: Pick<ApiDeps, "authority" | "clients" | "openToRead" | "refused">,
): Promise<Actor> {
  const { address } = clients.of(request);
  let accepted: Accepted | undefined;
  try {
    accepted = await authority.accept({ token: tokenOf(request), certificate: certificateOf(request) });
  } catch (error) {
    if (error instanceof ApiProblem && error.status === 401) refused("credential");
    throw error;
  }
  if (accepted === undefined) {
    if (right === "read" && openToRead && !isProxied((name) => request.headers[name] !== undefined))
      return { right: "read", name: "local", address };
    refused("credential");
    throw new ApiProblem(401, "credential_missing", "send Authorization: Bearer TOKEN, with a token for the admin API");
  }
  if (right === "write" && accepted.right !== "write") {
    refused("right");
    throw new ApiProblem(403, "right_missing", "this credential may read and not act");
  }
  return { ...accepted, address };
}

function tokenOf({ headers: { authorization } }: IncomingMessage): string | undefined {
  if (authorization === undefined) return undefined;
  const token = /^bearer +(\S+) *$/i.exec(authorization)?.[1];
  if (token !== undefined) return token;
  throw new ApiProblem(401, "credential_malformed", "the Authorization field has no Bearer token");
}

/** DER of the certificate that the client has shown and the listener has verified. */
function certificateOf({ socket }: IncomingMessage): Uint8Array | undefined {
  if (!(socket instanceof tls.TLSSocket) || !socket.authorized) return undefined;
  return socket.getPeerX509Certificate()?.raw;
}

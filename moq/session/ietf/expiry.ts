import type { Parameters } from "../../wire/ietf/index.ts";
import type { IetfContext } from "./context.ts";

/**
 * EXPIRES of a subscription: when the token that its request brought ends, because the subscription ends then. The token of the session
 * ends the session.
 */
export function expiryOf({ presented }: IetfContext): Pick<Parameters, "expires"> {
  const left = presented?.expiresIn();
  // 0 means that it does not expire.
  return left === undefined ? {} : { expires: Math.max(1, Math.floor(left)) };
}

/** Likewise of a request for namespaces or tracks, and of PUBLISH_NAMESPACE, whose answers have it since draft 19. */
export function namespaceExpiryOf(context: IetfContext): Pick<Parameters, "expires"> {
  return context.caps.publishParameters ? expiryOf(context) : {};
}

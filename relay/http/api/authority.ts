import type { Right } from "./operation.ts";

/** A credential that was accepted. */
export interface Accepted {
  readonly right: Right;
  /** See `Actor.name`. */
  readonly name: string;
}

/** The facts by which the API decides who sends a request. */
export interface Shown {
  /** The token of `Authorization: Bearer`. */
  readonly token: string | undefined;
  /** DER of the client certificate, which the listener has verified. */
  readonly certificate: Uint8Array | undefined;
}

/** Decides on credentials. */
export interface Authority {
  /**
   * Undefined when the request shows no credential. Rejects with `ApiProblem` for one that is not accepted, or that cannot be checked now.
   */
  accept(shown: Shown): Promise<Accepted | undefined>;
}

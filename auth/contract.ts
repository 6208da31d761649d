/** What an authenticator is given, and what it answers with. */
import type { MoqtAction, MoqtTarget } from "./cat/index.ts";
import type { AuthClock } from "./clock.ts";
import type { Fetch } from "./http.ts";
import type { AdminRight } from "./powers.ts";
import type { Revocation } from "./revocation.ts";
import type { TokenRules } from "./rules.ts";
import type { Warn } from "./warn.ts";

export interface AuthOptions {
  readonly clock: AuthClock;
  readonly fetch: Fetch;
  readonly warn: Warn;
  /** A JWK, a JWK set or a PEM key. */
  readonly keyText?: string;
  /** File with such a text. */
  readonly keyFile?: string;
  /** Folder with a `KID.jwk` for each key. */
  readonly keyFolder?: string;
  readonly keyUrl?: {
    readonly url: URL;
    readonly refreshMs: number;
    readonly cooldownMs: number;
    readonly keepMs: number;
  };
  readonly api?: { readonly url: URL; readonly timeoutMs: number; readonly cacheMs: number };
  readonly revocationFile?: string;
  /** Milliseconds for which the last content of a file stays in use while the file cannot be read. */
  readonly fileKeepMs: number;
  /** Absolute prefixes that need no token; empty lists for none. */
  readonly publicSubscribe: readonly string[];
  readonly publicPublish: readonly string[];
  /** Absolute prefixes that need one again, below shorter public ones. */
  readonly closedSubscribe?: readonly string[];
  readonly closedPublish?: readonly string[];
  /** Origins whose pages may connect, such as `https://app.example` or `https://*.app.example`; empty for all. */
  readonly origins: readonly string[];
  readonly rules: TokenRules;
  /** The kinds of tokens that are accepted; absent or empty: all. */
  readonly kinds?: readonly TokenKind[];
  /** Milliseconds for which a proof of possession is fresh where its token does not say; absent: {@link PROOF_WINDOW_MS}. */
  readonly proofWindowMs?: number;
  /** A session ends when the key of its token is removed. */
  readonly closeOnKeyRemoval: boolean;
  /** Called when a revocation of this relay itself takes effect, or ends. */
  readonly ownRevocation: (entry: Revocation, inForce: boolean) => void;
  /** Called when some grants may no longer hold: `Authenticator.check` each. */
  readonly changed: () => void;
}

/** JSON Web Tokens, and Common Access Tokens of moq-transport. */
export type TokenKind = "jwt" | "cat";

export const PROOF_WINDOW_MS = 60_000;

/** What `Authenticator.setRules` changes. */
export type AuthRules = Pick<
  AuthOptions,
  | "publicSubscribe"
  | "publicPublish"
  | "closedSubscribe"
  | "closedPublish"
  | "origins"
  | "rules"
  | "kinds"
  | "proofWindowMs"
  | "closeOnKeyRemoval"
>;

/** A client that asks for a session. */
export interface Visitor {
  /** Path of the URL, percent-decoded. */
  readonly path: string;
  readonly token: string | undefined;
  /** The proof that it has the key of the token. */
  readonly proof?: string | undefined;
  /** `webtransport`, `websocket` or the like, for the external service. */
  readonly transport: string;
  /** It connects from this machine, and not through a proxy. */
  readonly loopback: boolean;
  /** The `Origin` of the page that asks; absent for a program that is no browser. */
  readonly origin?: string | undefined;
  /** A page of another origin asks, or the URL names a host that is not this machine. */
  readonly foreign?: boolean;
  /** Its client certificate, proved and issued by an authority that is configured for relays of the mesh. */
  readonly certificate?: PeerCertificate | undefined;
}

/** A token of a message of moq-transport. `type` is of the registry "MOQT Auth Token Type". */
export interface PresentedToken {
  readonly type: number;
  readonly value: Uint8Array;
}

/** A request of a running session that brings tokens of its own. */
export interface TokenRequest {
  readonly tokens: readonly PresentedToken[];
  /** Path of the session's URL, percent-decoded. */
  readonly path: string;
  /** As for a {@link Visitor}. */
  readonly transport: string;
  readonly action: MoqtAction;
  /** Absent for the set-up of the session. */
  readonly target?: MoqtTarget;
}

/** A certificate of a relay of the mesh. */
export interface PeerCertificate {
  /** The common name, or the whole subject where there is none. */
  readonly subject: string;
  /** SHA-256 of its DER, in hexadecimal. */
  readonly fingerprint: string;
  /** Milliseconds since 1970. */
  readonly notAfter: number;
}

/** A verified token for the admin API. */
export interface AdminGrant {
  /** `write` includes `read`. */
  readonly right: AdminRight;
  /** The claims `sub` and `jti` of the token and the `kid` of its key, for the audit log; not secret. */
  readonly subject: string | undefined;
  readonly id: string | undefined;
  readonly keyId: string | undefined;
  /** Milliseconds since 1970. */
  readonly expiresAt: number | undefined;
}

/** The state of the services that tokens are checked with. A failure is a text without credentials; undefined while the service works. */
export interface AuthServices {
  readonly keyUrl?: {
    readonly failure: string | undefined;
    /** There is a set of keys that is recent enough to use. */
    readonly fresh: boolean;
    /** Milliseconds since the set was fetched; undefined when it never was. */
    readonly ageMs: number | undefined;
  };
  readonly api?: {
    readonly failure: string | undefined;
    /** Asks again after a failure. Never rejects. */
    retry(): Promise<void>;
  };
}

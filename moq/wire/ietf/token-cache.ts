import { ProtocolViolation } from "../codec/index.ts";
import { TerminationError } from "./errors.ts";
import type { Token } from "./token.ts";

/** A token as it is to be checked, whether it came by value or by alias. */
export interface AuthToken {
  /** Of the registry "MOQT Auth Token Type". */
  readonly type: number;
  readonly value: Uint8Array;
}

const CLAUSE = "AUTHORIZATION TOKEN";

/** What a registered token counts, besides the bytes of its value (MAX_AUTH_TOKEN_CACHE_SIZE). */
const ENTRY_BYTES = 16;

/** The tokens that the peer of one session has registered. They stay until the peer deletes them, within a bound of bytes. */
export class TokenCache {
  readonly #limit: number;
  readonly #tokens = new Map<number, AuthToken>();
  #bytes = 0;

  /** `limit`: what this side's SETUP says as MAX_AUTH_TOKEN_CACHE_SIZE. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Bytes that count towards the bound. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The tokens of a message, registered and deleted as it says. Must be called once for each message, in order. */
  resolve(tokens: readonly Token[]): AuthToken[] {
    return unique(tokens.flatMap((token) => this.#apply(token, false)));
  }

  /** The tokens of a SETUP. The peer did not know the bound, so that what exceeds it is used and not registered. */
  resolveSetup(tokens: readonly Token[]): AuthToken[] {
    return unique(tokens.flatMap((token) => this.#apply(token, true)));
  }

  #apply(token: Token, setup: boolean): AuthToken[] {
    switch (token.use) {
      case "value":
        return [{ type: token.type, value: token.value }];
      case "register":
        return [this.#register(token, setup)];
      case "alias":
        return [this.#registered(token.alias)];
      case "delete":
        this.#bytes -= sizeOf(this.#registered(token.alias));
        this.#tokens.delete(token.alias);
        return [];
    }
  }

  #register({ alias, type, value }: Token & { readonly use: "register" }, setup: boolean): AuthToken {
    if (this.#tokens.has(alias)) {
      throw new TerminationError("duplicate_auth_token_alias", CLAUSE, "alias is registered already");
    }
    const token = { type, value };
    if (this.#bytes + sizeOf(token) > this.#limit) {
      if (setup) return token;
      const what = `registered tokens over ${this.#limit} bytes`;
      throw new TerminationError("auth_token_cache_overflow", CLAUSE, what);
    }
    this.#tokens.set(alias, token);
    this.#bytes += sizeOf(token);
    return token;
  }

  #registered(alias: number): AuthToken {
    const token = this.#tokens.get(alias);
    if (token === undefined) {
      throw new TerminationError("unknown_auth_token_alias", CLAUSE, "alias is not registered");
    }
    return token;
  }
}

function sizeOf({ value }: AuthToken): number {
  return ENTRY_BYTES + value.length;
}

/** A message may not have the same token twice. It has few of them. */
function unique(tokens: AuthToken[]): AuthToken[] {
  for (const [at, token] of tokens.entries()) {
    if (tokens.slice(0, at).some((other) => isSame(other, token))) throw new ProtocolViolation(CLAUSE, "token twice");
  }
  return tokens;
}

function isSame(a: AuthToken, b: AuthToken): boolean {
  return a.type === b.type && a.value.length === b.value.length && a.value.every((byte, at) => byte === b.value[at]);
}

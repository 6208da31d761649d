/** The admin API of the relay that serves this page. */

/** The key of the token in this tab's storage. */
const TOKEN = "moqmesh-admin-token";

/** A refusal or failure of the API. `code` is its stable name; `unreachable` when there was no answer. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };
export type JsonObject = { readonly [name: string]: Json };

export class Api {
  /** Kept for this tab alone. */
  get token(): string | undefined {
    return sessionStorage.getItem(TOKEN) ?? undefined;
  }

  set token(token: string | undefined) {
    if (token === undefined) sessionStorage.removeItem(TOKEN);
    else sessionStorage.setItem(TOKEN, token);
  }

  /** `path` is under `/api/v1`. @throws ApiError */
  get(path: string): Promise<JsonObject> {
    return this.#ask("GET", path);
  }

  /** @throws ApiError */
  act(method: "POST" | "PUT" | "DELETE", path: string, body?: JsonObject): Promise<JsonObject> {
    return this.#ask(method, path, body);
  }

  async #ask(method: string, path: string, body?: JsonObject): Promise<JsonObject> {
    const { token } = this;
    let response: Response;
    let text: string;
    try {
      response = await fetch(`../api/v1${path}`, {
        method,
        headers: {
          ...(token !== undefined && { Authorization: `Bearer ${token}` }),
          ...(body !== undefined && { "Content-Type": "application/json" }),
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      text = await response.text();
    } catch {
      throw new ApiError(0, "unreachable", "The relay does not answer.");
    }
    const answer = parse(text);
    if (response.ok && answer !== undefined) return answer;
    const error = objectOf(answer?.["error"]);
    throw new ApiError(
      response.status,
      textOf(error["code"]) || "failed",
      textOf(error["message"]) || response.statusText,
    );
  }
}

/** `value` if it is an object, else an empty one. */
export function objectOf(value: Json | undefined): JsonObject {
  return typeof value === "object" && value !== null && !isList(value) ? value : {};
}

/** A text or a number as text; empty for anything else. */
export function textOf(value: Json | undefined): string {
  return typeof value === "string" || typeof value === "number" ? String(value) : "";
}

/** The objects of a list. */
export function objectsOf(value: Json | undefined): JsonObject[] {
  return value !== undefined && isList(value) ? value.map(objectOf) : [];
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}

function parse(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : {};
  } catch {
    return undefined;
  }
}

import * as z from "zod";
import type { HttpAnswer } from "../../relay/client/index.ts";
import { formatDuration } from "../../relay/config/index.ts";
import { type ApiOperation, type Json, textOf } from "./api.ts";
import { type ApiProblem, notTheApi, refused, unreachable } from "./failure.ts";
import type { AdminTarget, Credential } from "./target.ts";

const PREFIX = "/api/v1";

/** Longest answer, in bytes: a full page of each list of a root. */
const MAX_BYTES = 64 * 1024 * 1024;

const problemSchema = z.object({ error: z.object({ code: z.string(), message: z.string() }) });

/** Values of an operation's fields by name; those of the body have types of JSON. */
export type Values = Readonly<Record<string, Json>>;

export interface Answer {
  readonly body: Json;
  /** The relay's clock, in milliseconds since 1970 and by whole seconds, so that ages do not depend on this machine's clock. */
  readonly now: number;
}

/** Asks one admin listener. Rejects with an `AdminFailure` that says what went wrong and what to do. */
export class AdminApi {
  readonly target: AdminTarget;

  constructor(target: AdminTarget) {
    this.target = target;
  }

  async ask(operation: ApiOperation, values: Values, body = bodyOf(operation, values)): Promise<Answer> {
    const { credential } = this.target;
    let answer = await this.#send(operation, values, body, credential);
    // A listener on loopback lets programs of its machine read without a credential.
    if (answer.status === 401 && credential?.found && operation.right === "read")
      answer = await this.#send(operation, values, body, undefined);
    const { status, headers, body: text } = answer;
    const json = readJson(text);
    if (status === 200 && json !== undefined) return { body: json, now: Date.parse(headers.date ?? "") || Date.now() };
    const problem = problemOf(status, json, headers["retry-after"]);
    throw problem === undefined ? notTheApi(this.target, status, text) : refused(this.target, operation, problem);
  }

  async #send(operation: ApiOperation, values: Values, body: Json, credential?: Credential): Promise<HttpAnswer> {
    const { base, trust, timeoutMs } = this.target;
    const { askHttp, describeTcpFailure } = await import("../../relay/client/index.ts");
    const { token, certificate } = credential ?? {};
    try {
      return await askHttp(urlOf(base, operation, values), {
        trust,
        timeoutMs,
        maxBytes: MAX_BYTES,
        method: operation.method,
        headers: {
          ...(token !== undefined && { Authorization: `Bearer ${token}` }),
          ...(body !== undefined && { "Content-Type": "application/json" }),
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
        ...(certificate && { certificate }),
      });
    } catch (error) {
      const late = error instanceof Error && error.name === "TimeoutError";
      const cause = late ? `no answer within ${formatDuration(timeoutMs)}` : describeTcpFailure(error);
      throw unreachable(this.target, cause, error);
    }
  }
}

function urlOf(base: URL, { path, fields }: ApiOperation, values: Values): URL {
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(textOf(values[name])));
  const url = new URL(`${PREFIX}${filled}`, base);
  for (const field of fields) {
    const value = values[field.name];
    if (field.in === "query" && value !== undefined) url.searchParams.set(field.name, textOf(value));
  }
  return url;
}

/** Undefined for an operation without a body. */
function bodyOf({ fields }: ApiOperation, values: Values): Json {
  const inBody = fields.filter((field) => field.in === "body");
  if (inBody.length === 0) return undefined;
  return Object.fromEntries(inBody.flatMap(({ name }) => (values[name] === undefined ? [] : [[name, values[name]]])));
}

function problemOf(status: number, json: Json, retryAfter: string | undefined): ApiProblem | undefined {
  const parsed = problemSchema.safeParse(json);
  return parsed.success ? { status, ...parsed.data.error, retryAfter } : undefined;
}

function readJson(text: string): Json {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

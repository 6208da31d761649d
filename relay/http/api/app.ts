import type { HttpBindings } from "@hono/node-server";
import { type Context, Hono } from "hono";
import { cors } from "hono/cors";
import type * as z from "zod";
import { isLocalRequest } from "../local.ts";
import { checkRate, requireRight } from "./caller.ts";
import type { ApiDeps } from "./deps.ts";
import { API_PREFIX, openApiDocument } from "./document.ts";
import type { Operation } from "./operation.ts";
import { ApiProblem, badRequest } from "./problem.ts";

/** Longest request body, in bytes. */
const MAX_BODY = 16_384;

export type ApiEnv = { Bindings: HttpBindings };
type ApiContext = Context<ApiEnv>;

/** Adds the operations, and their document at `openapi.json`, to an application. */
export function addApi(app: Hono<ApiEnv>, deps: ApiDeps): void {
  const api = new Hono<ApiEnv>();
  let document: ReturnType<typeof openApiDocument> | undefined;
  const named = (origin: string) => (deps.origins().includes(origin) ? origin : undefined);
  const allowHeaders = ["Authorization", "Content-Type"];
  const answerOrigins = cors({ origin: named, allowHeaders, allowMethods: METHODS, maxAge: 600 });
  api.use(async (c, next) => (deps.origins().length > 0 ? await answerOrigins(c, next) : await next()));
  api.use(async (c, next) => {
    checkOrigin(c, deps);
    checkRate(c.env.incoming, deps.rate, deps);
    await next();
  });
  // Made for the first who asks: its JSON schemas take 50 to 100 ms, which the first health check would wait for.
  api.get("/openapi.json", (c) => {
    document ??= openApiDocument(deps.operations, deps.version);
    return c.json(document);
  });
  for (const one of deps.operations) {
    api.on(one.method.toUpperCase(), routeOf(one.path), (c) => answer(c, one, deps));
  }
  addMethodNotAllowed(api, deps.operations);
  api.all("*", () => {
    throw new ApiProblem(404, "no_such_path", `there is no such path: GET ${API_PREFIX}/openapi.json has them all`);
  });
  app.route(API_PREFIX, api);
}

/** The answer to a request that failed. Any error that is no {@link ApiProblem} is a defect. */
export function respondTo(error: unknown, c: ApiContext, { failed }: Pick<ApiDeps, "failed">): Response {
  if (error instanceof ApiProblem) {
    return c.json(error.body, error.status, { ...error.headers });
  }
  failed(error);
  return c.json(new ApiProblem(500, "internal", "internal error").body, 500);
}

/** Characters of a target, and of names of what a body changes, that the audit notes. */
const MAX_TARGET = 512;

const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"];

async function answer(c: ApiContext, one: Operation, deps: ApiDeps): Promise<Response> {
  const acts = one.right === "write";
  deps.counted(acts);
  const actor = await requireRight(c.env.incoming, one.right, deps);
  const names = new Set<string>();
  const noted = (status: number, code?: string) => {
    if (!acts) return;
    const { pathname, search } = new URL(c.req.url);
    const target = `${pathname.slice(API_PREFIX.length)}${search}`.slice(0, MAX_TARGET);
    const about = [...names].join(", ").slice(0, MAX_TARGET);
    deps.audit.note(actor, {
      action: one.id,
      target,
      ...(about !== "" && { about }),
      status,
      ...(code !== undefined && { code }),
    });
  };
  try {
    const params = read("the parameter", one.params, c.req.param());
    const query = read("the parameter", one.query, queryOf(c));
    const body = one.body === undefined ? undefined : read("the body", one.body, await jsonOf(c));
    const result = await one.run({ params, query, body, actor, about: (name) => void names.add(name) });
    noted(200);
    return c.json(JSON.parse(JSON.stringify(result)));
  } catch (error) {
    if (error instanceof ApiProblem) noted(error.status, error.code);
    else noted(500, "internal");
    throw error;
  }
}

/** Pages of other origins are refused, whatever credential they have: a browser would let them act in their user's name. */
function checkOrigin(c: ApiContext, { origins, refused }: ApiDeps): void {
  const origin = c.req.header("origin");
  if (origin === undefined || origins().includes(origin)) return;
  const { host = "" } = c.env.incoming.headers;
  if (URL.parse(origin)?.host === host || isLocalRequest(host, origin)) return;
  refused("origin");
  throw new ApiProblem(403, "origin_refused", "pages of this origin may not use the API: see [http] admin_origins");
}

function read(where: string, schema: z.ZodType | undefined, value: unknown): unknown {
  if (schema === undefined) {
    if (value === undefined || (typeof value === "object" && value !== null && Object.keys(value).length === 0))
      return {};
    throw new ApiProblem(400, "bad_request", "this operation has no parameters");
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw badRequest(where, parsed.error.issues);
}

/** Each parameter once. Throws for one that is given several times. */
function queryOf(c: ApiContext): Record<string, string> {
  const query: Record<string, string> = {};
  for (const [name, values] of Object.entries(c.req.queries())) {
    const [first, second] = values;
    if (second !== undefined)
      throw new ApiProblem(400, "bad_request", `the parameter \`${name}\` is given several times`);
    if (first !== undefined) query[name] = first;
  }
  return query;
}

async function jsonOf(c: ApiContext): Promise<unknown> {
  const type = c.req.header("content-type") ?? "";
  if (!/^application\/json\s*(;|$)/i.test(type)) {
    throw new ApiProblem(415, "not_json", "the Content-Type must be application/json");
  }
  const bytes = await bodyOf(c);
  try {
    const value: unknown = JSON.parse(bytes.toString());
    return value;
  } catch {
    throw new ApiProblem(400, "bad_request", "the body is not JSON");
  }
}

async function bodyOf(c: ApiContext): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const chunk of c.env.incoming) {
      if (!(chunk instanceof Uint8Array)) continue;
      bytes += chunk.length;
      if (bytes > MAX_BODY) break;
      chunks.push(chunk);
    }
  } catch {
    // The client left in the middle of the body, or the body arrived too late.
    throw new ApiProblem(400, "bad_request", "the body did not arrive");
  }
  if (bytes <= MAX_BODY) return Buffer.concat(chunks);
  throw new ApiProblem(413, "body_too_long", `a body may have ${MAX_BODY} bytes`, { Connection: "close" });
}

/** The path of an operation as the router writes it. */
function routeOf(path: string): string {
  return path.replace(/\{(\w+)\}/g, ":$1");
}

function addMethodNotAllowed(api: Hono<ApiEnv>, operations: readonly Operation[]): void {
  const methods = new Map<string, string[]>([["/openapi.json", ["GET"]]]);
  for (const { path, method } of operations) methods.set(path, [...(methods.get(path) ?? []), method.toUpperCase()]);
  // The router takes the first path that fits, so `/sessions/close` comes before `/sessions/{id}`.
  const parameters = (path: string) => path.split("{").length;
  for (const [path, known] of [...methods].sort(([a], [b]) => parameters(a) - parameters(b))) {
    const allow = known.join(", ");
    api.all(routeOf(path), () => {
      throw new ApiProblem(405, "method_not_allowed", `this path knows ${allow}`, { Allow: allow });
    });
  }
}

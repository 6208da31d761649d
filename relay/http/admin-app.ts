import type { RequestListener } from "node:http";
import { getRequestListener } from "@hono/node-server";
import { Hono } from "hono";
import { type ApiEnv, addApi, respondTo } from "./api/app.ts";
import type { ApiDeps } from "./api/deps.ts";
import type { Page } from "./page.ts";
import { SAFE_HEADERS } from "./respond.ts";

/** Of every answer that does not say otherwise. */
const HEADERS = { ...SAFE_HEADERS, "Cache-Control": "no-store" };

export interface AdminAppOptions {
  readonly api: ApiDeps;
  /** The dashboard, if it is served. */
  readonly dashboard: Page | undefined;
}

/** What answers requests for the API and the dashboard. */
export function adminListener(options: AdminAppOptions): RequestListener {
  const app = adminApp(options);
  if (options.dashboard !== undefined) addPage(app, options.dashboard);
  const listener = getRequestListener(app.fetch, { overrideGlobalObjects: false, hostname: "localhost" });
  return (request, response) => void listener(request, response);
}

function adminApp({ api }: AdminAppOptions): Hono<ApiEnv> {
  const app = new Hono<ApiEnv>();
  app.use(async (c, next) => {
    await next();
    for (const [name, value] of Object.entries(HEADERS)) if (!c.res.headers.has(name)) c.header(name, value);
  });
  addApi(app, api);
  app.onError((error, c) => respondTo(error, c, api));
  return app;
}

/** Where the dashboard is. */
const DASHBOARD = "/ui";

function addPage(app: Hono<ApiEnv>, page: Page): void {
  app.get("/", (c) => c.redirect(`${DASHBOARD}/`));
  app.get(DASHBOARD, (c) => c.redirect(`${DASHBOARD}/`));
  app.get(`${DASHBOARD}/*`, (c) => {
    const file = page.file(c.req.path.slice(DASHBOARD.length));
    if (file === undefined) return c.notFound();
    const headers = Object.fromEntries(Object.entries(file.headers).map(([name, value]) => [name, String(value)]));
    const known = (c.req.header("if-none-match") ?? "")
      .split(",")
      .some((tag) => tag.trim().replace(/^W\//, "") === file.etag);
    return known ? c.body(null, 304, headers) : c.body(Uint8Array.from(file.bytes), 200, headers);
  });
}

import type { RequestListener } from "node:http";
import { getRequestListener, type HttpBindings } from "@hono/node-server";
import { Hono } from "hono";
import { type ApiDeps, type ApiEnv, addApi, checkRate, requireRight, respondTo } from "./api/app.ts";
import { describeRelay } from "./description.ts";
import { isLocalRequest } from "./local.ts";
import { PrometheusExport } from "./metrics.ts";
import type { Page } from "./page.ts";
import type { RelayView } from "./view.ts";

const NOT_LOCAL =
  "this listener serves its own machine only: use 127.0.0.1 or localhost, and no page of another origin";

/** Headers of every answer: browsers may not guess its type, nor send its URL to others. */
const SAFE_HEADERS = {
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "no-referrer",
  "Cache-Control": "no-store",
};

export interface AdminAppOptions {
  /** Only this machine can reach the listener; pages in a browser on this machine can too. */
  readonly local: boolean;
  readonly view: RelayView;
  readonly api: ApiDeps;
  /** The dashboard, if it is served. */
  readonly dashboard: Page | undefined;
}

/** What answers the requests of operators and their tools. */
export function adminListener(options: AdminAppOptions): RequestListener {
  const app = adminApp(options);
  if (options.dashboard !== undefined) addPage(app, options.dashboard);
  const listener = getRequestListener(app.fetch, { overrideGlobalObjects: false, hostname: "localhost" });
  return (request, response) => void listener(request, response);
}

function adminApp({ local, view, api }: AdminAppOptions): Hono<ApiEnv> {
  const app = new Hono<{ Bindings: HttpBindings }>();
  const metrics = new PrometheusExport(view.counters);
  app.use(async (c, next) => {
    await next();
    for (const [name, value] of Object.entries(SAFE_HEADERS)) if (!c.res.headers.has(name)) c.header(name, value);
  });
  app.use(async (c, next) => {
    if (local && !isLocalRequest(c.env.incoming.headers.host ?? "", c.req.header("origin")))
      return c.text(`${NOT_LOCAL}\n`, 403);
    return await next();
  });
  // Probes have no bound but that of connections: they cost a comparison, and a refused one could end the relay.
  for (const path of ["/livez", "/health/live"]) {
    app.get(path, (c) => {
      const { live } = view.health();
      return c.json({ status: live ? "alive" : "stuck" }, live ? 200 : 503);
    });
  }
  for (const path of ["/readyz", "/healthz", "/health/ready"]) {
    app.get(path, (c) => {
      const reasons = view.reasons();
      const ready = reasons.length === 0;
      return c.json({ status: ready ? "ready" : "not_ready", reasons }, ready ? 200 : 503);
    });
  }
  app.get("/health", async (c) => {
    checkRate(c, api.scrapes, api);
    await requireRight(c, "read", api);
    return c.json(describeRelay(view));
  });
  app.get("/metrics", async (c) => {
    checkRate(c, api.scrapes, api);
    await requireRight(c, "read", api);
    const { contentType, text } = await metrics.render(c.req.header("accept"));
    return c.body(text, 200, { "Content-Type": contentType, Vary: "Accept" });
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

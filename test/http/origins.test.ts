/** Whose pages may use the admin API, on a listener that others reach. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Hono } from "hono";
import { type ApiEnv, addApi } from "../../relay/http/api/app.ts";
import { Audit } from "../../relay/http/api/index.ts";
import { DIRECT_CLIENTS } from "../../relay/http/clients.ts";

test("pages of the origins that are configured now may use the API, and pages of no others", async () => {
  let origins: readonly string[] = [];
  const app = new Hono<ApiEnv>();
  addApi(app, {
    operations: [],
    version: "1.2.3",
    authority: { accept: async () => undefined },
    audit: new Audit({ wallNow: () => 0, log: () => {} }),
    rate: { take: () => undefined },
    scrapes: { take: () => undefined },
    clients: DIRECT_CLIENTS,
    openToRead: true,
    origins: () => origins,
    refused: () => {},
    counted: () => {},
    failed: (error) => assert.fail(String(error)),
  });
  const page = async (origin: string, method = "GET") => {
    const headers = { Origin: origin, "Access-Control-Request-Method": "GET" };
    const env = { incoming: { headers: { host: "relay.example" }, socket: { remoteAddress: "192.0.2.1" } } };
    const answer = await app.request("/api/v1/openapi.json", { method, headers }, env);
    return [answer.status, answer.headers.get("access-control-allow-origin")];
  };
  const ours = "https://ops.example";
  app.onError((error, c) => c.text(String(error), 403));
  assert.deepEqual(await page(ours), [403, null]);
  assert.deepEqual(await page(ours, "OPTIONS"), [403, null]);
  origins = [ours];
  assert.deepEqual(await page(ours), [200, ours]);
  assert.deepEqual(await page(ours, "OPTIONS"), [204, ours]);
  assert.deepEqual(await page("https://evil.example"), [403, null]);
  origins = [];
  assert.deepEqual(await page(ours), [403, null]);
});

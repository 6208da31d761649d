/** What a relay loads, and when: each library costs memory for as long as the relay runs. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { programsForTests } from "./support/process.ts";

const { serve } = programsForTests();

/** Writes the URLs of all modules of the main thread that were loaded so far, at each SIGWINCH. */
const LOADED = `data:text/javascript,
import { registerHooks } from "node:module";
import { isMainThread } from "node:worker_threads";
const urls = [];
if (isMainThread) {
  registerHooks({ load: (url, context, next) => (urls.push(url), next(url, context)) });
  process.on("SIGWINCH", () => console.log(JSON.stringify({ modules: [...urls, ...process.moduleLoadList] })));
}`;

/** Libraries, and sources of ours, that no relay needs before it is asked for something. */
const ON_DEMAND = {
  "the admin API": /node_modules\/(?:hono|@hono)\/|relay\/http\/(?:admin-app|api\/app)\.ts/,
  "the page of metrics": /node_modules\/(?:prom-client|@opentelemetry)\//,
  "the client of Redis": /node_modules\/@redis\//,
  "other commands": /\/cli\/(?:commands|plan|probe|ping|admin|doctor)\b/,
  "Node's web client": /internal\/deps\/undici/,
};

test("a relay loads the admin API and the page of metrics only when they are asked for, other commands and the client of Redis never", async () => {
  // The sources: in a bundle a module cannot be seen.
  const env = { ...process.env, MOQMESH_TESTED: "sources" };
  const program = serve([], { execArgv: ["--import", LOADED], env });
  const { admin } = await program.ready();
  const loaded = async () => {
    const from = program.stdout.length;
    program.kill("SIGWINCH");
    const [line] = await program.says(/^\{"modules":.*\}$/m, from);
    const { modules } = JSON.parse(line) as { modules: string[] };
    assert.ok(modules.some((url) => url.endsWith("/relay/main.ts")));
    return Object.entries(ON_DEMAND).flatMap(([what, which]) => (modules.some((url) => which.test(url)) ? [what] : []));
  };
  assert.deepEqual(await loaded(), []);
  const asked = async (path: string) => {
    const answer = await fetch(`http://127.0.0.1:${admin}${path}`);
    assert.equal(answer.status, 200);
    await answer.body?.cancel();
  };
  for (const path of ["/health/live", "/health/ready", "/health"]) await asked(path);
  assert.deepEqual(await loaded(), []);
  await asked("/metrics");
  assert.deepEqual(await loaded(), ["the page of metrics"]);
  await asked("/api/v1/sessions");
  assert.deepEqual(await loaded(), ["the admin API", "the page of metrics", "Node's web client"]);
  program.kill("SIGTERM");
  assert.equal(await program.ends(), 0);
});

/**
 * The whole life of a relay in a process of its own, for `exit.test.ts`: started, used by a publisher and two viewers
 * that do not leave, and ended as the argument says. Prints what is still open then, and must end by itself.
 */
import { connect } from "../../relay/client/client.ts";
import { start } from "../../relay/main.ts";
import { captureLog, publishTo, testConfig } from "./support.ts";

const [how] = process.argv.slice(2);
const stdio = process.getActiveResourcesInfo();
const { config, remove } = await testConfig({
  MOQMESH_DRAIN_GRACE: "100ms",
  MOQMESH_DRAIN_SPREAD: "100ms",
  ...(how === "fail" && { MOQMESH_SERVER_HOST: "192.0.2.1" }),
});
const { log } = captureLog();

let sessions = 0;
if (how === "fail") {
  // The admin listener and the certificate are there before the sockets fail.
  await start(config, { log }).then(
    () => console.error("it started on an address that is not ours"),
    () => {},
  );
} else {
  const relay = await start(config, { log });
  const url = new URL(`http://127.0.0.1:${relay.address.port}/`);
  await fetch(`http://127.0.0.1:${relay.adminAddress?.port}/metrics`).then((response) => response.text());
  await publishTo(url, "room", "chat", [["hello"]]);
  const client = await connect(url, { trust: { kind: "system" }, timeoutMs: 5_000 });
  await client.fetch({ broadcast: "room", track: "chat", timeoutMs: 5_000 });
  const other = await connect(new URL(url.href.replace(/^http/, "ws")), {
    trust: { kind: "system" },
    timeoutMs: 5_000,
  });
  await other.fetch({ broadcast: "room", track: "chat", timeoutMs: 5_000 });
  sessions = relay.counters.sessionsActive;
  await (how === "drain" ? relay.drain("test") : relay.close("test"));
  await Promise.all([client.closed, other.closed]);
}
await remove();
// Closed sockets leave the list in the turn after they were closed.
await new Promise((resolve) => setImmediate(resolve));
const left = process.getActiveResourcesInfo();
for (const name of [...stdio, "Immediate"]) {
  const at = left.indexOf(name);
  if (at >= 0) left.splice(at, 1);
}
console.log(JSON.stringify({ sessions, left }));

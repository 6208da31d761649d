/**
 * The whole life of a relay in a process of its own, for `exit.test.ts`: started, used by a publisher and two viewers
 * that do not leave, and ended as the argument says. Prints what is still open then, and must end by itself.
 */
import { connect } from "../../relay/client/client.ts";
import { publishTo } from "../support/publisher.ts";
import { TestRelay } from "../support/relay.ts";

const [how] = process.argv.slice(2);
const stdio = process.getActiveResourcesInfo();
const settings = { "drain.grace": "100ms", "drain.spread": "100ms" };

let sessions = 0;
if (how === "fail") {
  // The admin listener and the certificate are there before the sockets fail.
  await TestRelay.start({ ...settings, "server.host": "192.0.2.1" }).then(
    () => console.error("it started on an address that is not ours"),
    () => {},
  );
} else {
  const started = await TestRelay.start(settings);
  const { relay } = started;
  const options = { trust: { kind: "system" }, timeoutMs: 5_000 } as const;
  await fetch(started.admin("/metrics")).then((response) => response.text());
  await publishTo(started.url, "room", "chat", [["hello"]]);
  const client = await connect(started.url, options);
  await client.fetch({ broadcast: "room", track: "chat", timeoutMs: 5_000 });
  const other = await connect(started.at("ws"), options);
  await other.fetch({ broadcast: "room", track: "chat", timeoutMs: 5_000 });
  sessions = relay.counters.sessionsActive;
  await (how === "drain" ? relay.drain("test") : relay.close("test"));
  await Promise.all([client.closed, other.closed]);
  await started.stop();
}
/** Milliseconds in which closed sockets leave the list, and reads of files that were under way end; less than any timer that may be left. */
const LEAVE_MS = 1_000;

function leftOpen(): string[] {
  const left = process.getActiveResourcesInfo();
  for (const name of [...stdio, "Immediate"]) {
    const at = left.indexOf(name);
    if (at >= 0) left.splice(at, 1);
  }
  return left;
}

const until = performance.now() + LEAVE_MS;
while (performance.now() < until) {
  await new Promise((resolve) => setImmediate(resolve));
  if (leftOpen().length === 0) break;
}
console.log(JSON.stringify({ sessions, left: leftOpen() }));

/**
 * A publisher or viewer of @moq/net. The first argument is one JSON object; each line of the output is one as well. Order: role ("publish"
 * or "watch"), url, alpn, fingerprint, path, track. Runs until standard input ends.
 */
import { createHash } from "node:crypto";
import { Broadcast, Connection, Path, Time } from "@moq/net";
import { WebTransport } from "rwebtransport";

const GROUP_MS = 125;
const OBJECTS_PER_GROUP = 5;
const LATENCY_MAX_MS = 60_000;

/** The library logs on the console, which is for our lines. */
for (const level of ["debug", "info", "warn"] as const) console[level] = () => undefined;
console.log = console.error;

const say = (line: object) => void process.stdout.write(`${JSON.stringify(line)}\n`);

function seen(group: number, object: number, payload: Uint8Array): void {
  const sha256 = createHash("sha256").update(payload).digest("hex");
  say({ event: "object", group, object, size: payload.length, sha256 });
}

async function publish(connection: Connection.Established, path: Path.Valid, name: string): Promise<never> {
  const broadcast = new Broadcast.Producer();
  const track = broadcast.createTrack(name, { latencyMax: LATENCY_MAX_MS });
  connection.publish(path, broadcast);
  say({ event: "ready" });
  while (!track.used.peek()) await track.used.changed();
  for (;;) {
    const group = track.appendGroup();
    for (let object = 0; object < OBJECTS_PER_GROUP; object++) {
      const payload = Buffer.from(`group ${group.sequence} object ${object}.`.padEnd(30 + 3_000 * object, "x"));
      seen(group.sequence, object, payload);
      group.writeFrame({ payload, timestamp: Time.Timestamp.now() });
    }
    group.close();
    await new Promise((resolve) => setTimeout(resolve, GROUP_MS));
  }
}

async function watch(connection: Connection.Established, path: Path.Valid, name: string): Promise<never> {
  const broadcast = connection.consume(path);
  const track = broadcast.track(name).subscribe({ ordered: false, latencyMax: LATENCY_MAX_MS });
  say({ event: "ready" });
  for (;;) {
    const group = await track.recvGroup();
    if (!group) throw new Error("the track ended");
    for (let object = 0; ; object++) {
      const frame = await group.readFrame();
      if (!frame) break;
      seen(group.sequence, object, frame.payload);
    }
  }
}

const order: { role: string; url: string; alpn: string; fingerprint: string; path: string; track: string } = JSON.parse(
  process.argv[2] ?? "{}",
);
process.stdin.resume().once("end", () => process.exit(0));
try {
  const session = new WebTransport(order.url, {
    protocols: order.alpn === "" ? [] : [order.alpn],
    serverCertificateHashes: [{ algorithm: "sha-256", value: Uint8Array.from(Buffer.from(order.fingerprint, "hex")) }],
  });
  session.closed.catch(() => undefined);
  await session.ready;
  const connection = await Connection.connect(new URL(order.url), { transport: session });
  const path = Path.from(order.path);
  await (order.role === "publish" ? publish : watch)(connection, path, order.track);
} catch (error) {
  say({ event: "failed", message: error instanceof Error ? error.message : String(error) });
  process.exit(1);
}

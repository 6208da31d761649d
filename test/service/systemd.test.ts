/** The relay, and the unit of deploy/systemd, with the sockets and programs of a real system. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { openServiceSocket } from "../../machine/service/socket.ts";
import { systemCalls } from "../../transport/native/index.ts";
import { programsForTests } from "../cli/support/process.ts";
import { until } from "../support/until.ts";

const { folder, serve } = programsForTests();
const UNIT = fileURLToPath(new URL("../../deploy/systemd/moqmesh.service", import.meta.url));

/** A datagram socket as systemd has one: prints each datagram as a line of JSON. */
const RECEIVER = `
import json, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print(json.dumps("bound"), flush=True)
while True: print(json.dumps(s.recv(65536).decode()), flush=True)
`;

const missing = (program: string) =>
  spawnSync(program, ["--version"]).status === 0 ? false : `there is no ${program} on this machine`;

let sockets = 0;

async function receiver() {
  const path = join(folder, `notify-${sockets++}`);
  const child = spawn("python3", ["-c", RECEIVER, path], { stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  child.stdout.setEncoding("utf8").on("data", (piece: string) => (text += piece));
  const received = (): string[] =>
    text
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line));
  await until(() => received().length > 0, "the socket");
  const stop = async () => {
    child.kill();
    await once(child, "close");
  };
  return { path, received, stop };
}

test("a relay tells systemd that it is ready, reloads and ends, and feeds the watchdog", {
  skip: missing("python3") || (systemCalls() === undefined && "there is no native engine"),
}, async () => {
  const { path, received, stop } = await receiver();
  try {
    const env = { ...process.env, NOTIFY_SOCKET: path, WATCHDOG_USEC: "600000" };
    const program = serve([], { env });
    await until(() => received().includes("WATCHDOG=1"), "the watchdog");
    assert.equal(received()[1], "READY=1\nSTATUS=Ready: 0 sessions, 0 broadcasts");
    program.kill("SIGHUP");
    await until(() => received().filter((one) => one.startsWith("READY=1")).length === 2, "the end of the reload");
    assert.ok(received().some((one) => /^RELOADING=1\nMONOTONIC_USEC=\d{6,}\n/.test(one)));
    program.kill("SIGTERM");
    assert.equal(await program.ends(), 0);
    await until(
      () => received().some((one) => /^STOPPING=1\nSTATUS=Draining \(SIGTERM\)\nEXTEND_/.test(one)),
      "the end",
    );
  } finally {
    await stop();
  }
});

test("without the native engine the program systemd-notify tells it", {
  skip: missing("python3") || missing("systemd-notify"),
}, async () => {
  const { path, received, stop } = await receiver();
  try {
    const warnings: string[] = [];
    const warn = (message: string) => warnings.push(message);
    const env = { ...process.env, NOTIFY_SOCKET: path };
    openServiceSocket({ env, warn, datagram: undefined })?.(["READY=1", "STATUS=Ready: 0 sessions"]);
    await until(() => received().length > 1, "the message");
    assert.equal(received()[1]?.trim(), "READY=1\nSTATUS=Ready: 0 sessions");
    assert.deepEqual(warnings, []);
  } finally {
    await stop();
  }
});

test("a service manager that is gone is reported once, and the relay goes on", () => {
  const warnings: string[] = [];
  const datagram = systemCalls()?.notifyServiceManager ?? (() => assert.fail("no socket"));
  const send = openServiceSocket({
    env: { NOTIFY_SOCKET: join(folder, "nothing") },
    warn: (message) => warnings.push(message),
    datagram,
  });
  send?.(["READY=1"]);
  send?.(["WATCHDOG=1"]);
  assert.equal(warnings.length, 1);
  assert.equal(openServiceSocket({ env: {}, warn: () => {}, datagram }), undefined, "no service manager waits");
});

test("systemd accepts the unit", { skip: missing("systemd-analyze") }, () => {
  const { status, stderr } = spawnSync("systemd-analyze", ["verify", UNIT], { encoding: "utf8" });
  assert.deepEqual([status, stderr.trim()], [0, ""]);
});

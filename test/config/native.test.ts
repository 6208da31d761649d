import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { loadConfig } from "../../relay/config/config.ts";
import { nativeSettings } from "../../relay/host/native.ts";
import type { NativeSettings } from "../../transport/native/index.ts";

/** Every setting that the engine knows: a key that is not among them would have no effect. */
const KNOWN: Record<keyof NativeSettings, true> = {
  threads: true,
  congestion: true,
  ackFrequency: true,
  ackDelay: true,
  sendWindow: true,
  streamReceiveWindow: true,
  receiveWindow: true,
  socketBuffer: true,
  retryAbove: true,
  reusePort: true,
  resetKey: true,
  qlog: true,
  initialMtu: true,
  maxMtu: true,
  initialStreams: true,
  initialWindow: true,
  packetThreshold: true,
  timeThreshold: true,
  routing: true,
};

test("every key of [quic] reaches the native engine under the name of a setting", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "moqmesh-native-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const flags = [
    { key: "quic.ack_delay", value: "50ms", name: "--quic.ack_delay" },
    { key: "quic.max_mtu", value: "8900", name: "--quic.max_mtu" },
    { key: "tls.state_dir", value: folder, name: "--tls.state_dir" },
  ];
  const settings = await nativeSettings(loadConfig({ flags }).config, (message) => assert.fail(message));
  assert.deepEqual(
    Object.keys(settings).filter((name) => !(name in KNOWN)),
    [],
  );
  assert.equal(settings.ackDelay, 50);
  assert.equal(settings.maxMtu, 8_900);
});

import { type EngineSettings, loadAddon, type Native } from "../../../transport/native/addon.ts";
import { KIND, RECORD } from "../../../transport/native/records.ts";

const SETTINGS: EngineSettings = {
  threads: 1,
  congestion: "delay",
  ackFrequency: true,
  sendWindow: 256 * 1024,
  streamReceiveWindow: 256 * 1024,
  receiveWindow: 1024 * 1024,
  socketBuffer: 64 * 1024,
  retryAbove: 256,
  reusePort: false,
  initialMtu: 1200,
  maxMtu: 1452,
  ackDelay: 0,
  initialStreams: 0,
  initialWindow: 12_000,
  packetThreshold: 20,
  timeThreshold: 120,
};

/** The engine without its adapter: accepts everyone and drops all events. */
export function bareEngine(settings: Partial<EngineSettings> = {}): Native {
  const records = new Uint32Array(64 * RECORD);
  const data = new Uint8Array(1024 * 1024);
  const native = loadAddon().createEngine({ ...SETTINGS, ...settings }, () => {
    for (let count = native.poll(records, data); count > 0; count = native.poll(records, data)) {
      for (let at = 0; at < count * RECORD; at += RECORD) {
        if (records[at] === KIND.request) native.accept(records[at + 1] ?? 0);
      }
      native.flush();
    }
  });
  return native;
}

/** moq-rs of PyPI (`import moq`), the Python binding of moq-net. A client cannot choose its version: the relay's choice is examined. */
import { driver, PYTHON, pipHas, pipInstall } from "../cache.ts";
import { finding, meetingAt, passed, published, viewed } from "../checks.ts";
import type { Finding, Meeting, Peer, Scene } from "../contract.ts";
import { Driver } from "../driver.ts";

const VERSION = "0.5.1";

async function start(role: "publish" | "watch", { url, path, track }: Meeting): Promise<Driver> {
  const order = { role, url: url.href, path, track };
  const process = new Driver({ file: PYTHON, args: [driver("moq_rs_peer.py"), JSON.stringify(order)] });
  await process.ready;
  return process;
}

const publish = async (meeting: Meeting) => await start("publish", meeting);
const watch = async (meeting: Meeting) => await start("watch", meeting);

async function* examine(scene: Scene, protocol: string): AsyncIterable<Finding> {
  for (const scheme of ["https", protocol.startsWith("moqt") ? "moqt" : "moql"] as const) {
    const meeting = () => meetingAt(scene, { protocol, scheme });
    const over = scheme === "https" ? "" : " over QUIC alone";
    for (const [name, check] of [
      [`publishes${over}`, (at: Meeting) => published(at, publish)],
      [`watches${over}`, (at: Meeting) => viewed(at, watch)],
      [`publishes and watches${over}`, (at: Meeting) => passed(at, publish, watch)],
    ] as const) {
      const at = meeting();
      yield await finding(scene, name, at, () => check(at));
    }
  }
}

export const MOQ_RS: Peer = {
  name: "moq-rs",
  registry: "PyPI",
  version: VERSION,
  protocols: [
    "moq-lite-03",
    "moq-lite-04",
    "moq-lite-05",
    "moq-lite-06",
    ...[14, 16, 18, 20, 22].map((draft) => `moqt-${draft}`),
  ],
  install: async () => await pipInstall({ "moq-rs": VERSION }),
  installed: async () => await pipHas("moq-rs", VERSION),
  examine,
};

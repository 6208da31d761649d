import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type LinkInfo, TransportError } from "../../moq/link.ts";
import { createFailsComponents } from "../../transport/fails-components/index.ts";
import { systemClock } from "../../transport/shared/system-clock.ts";
import { testCertificate } from "../support/certificate.ts";
import { conformance } from "./conformance.ts";
import { LIMITS, Recorder } from "./fixtures.ts";
import { overTls } from "./real-harness.ts";

const deps = { clock: systemClock, warn: () => {} };

async function http3Missing(): Promise<string | undefined> {
  try {
    await createFailsComponents(deps);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

const missing = await http3Missing();
const http2 = missing !== undefined;

/** Cases that the package fails as of 1.6.8, with the reason. */
const HTTP2_FAULTS = {
  "resets one half of a bidirectional stream and keeps the other": "the package ends both halves when one is reset",
  "releases a stream that is reset before its first byte":
    "the package never gives back the credit of a stream that was reset before it was read",
  "carries ten thousand short streams in flat memory": "the package keeps every stream of a session, 7 kB each",
};

const HTTP3_FAULTS = {
  "reports the client's request to the listener": "the package's client asks every server for `localhost`",
  "resets one half of a bidirectional stream and keeps the other": "the package ends both halves when one is reset",
  "releases a stream that is reset before its first byte":
    "the package never gives back the credit of a stream that was reset before it was read",
  "carries ten thousand short streams in flat memory": "the package keeps 14 kB of every stream",
};

/** Over HTTP/3 where the addon is installed, else over the package's HTTP/2 server. */
conformance(`fails-components over ${http2 ? `HTTP/2, because ${missing}` : "HTTP/3"}`, {
  ...overTls({
    supports: {
      datagrams: true,
      priority: "what waits is in the package's own order",
      passes: "the package gives all bytes to the program",
      pauses: "what the package has read cannot be left with it",
      streamLimits: "streams over the peer's limit wait in the package",
      reject: "the package's client is not told the status, nor that there was one",
      stopAccepting: true,
      headers: "the package's client sends no headers of its own",
      certificateSwap: http2 ? true : "the package keeps the certificate that it began with",
      vanish: "the package, or TCP, decides when a silent peer is gone",
      faults: http2 ? HTTP2_FAULTS : HTTP3_FAULTS,
    },
    make: (engineDeps) => createFailsComponents(engineDeps, { http2 }),
  }),
  maxCode: 255,
});

describe("the fails-components engine", () => {
  test("says what to install when its addon is missing", async () => {
    await assert.rejects(
      createFailsComponents(deps, {
        load: (name) => (name.endsWith("quiche") ? Promise.reject(new Error("no such package")) : import(name)),
      }),
      (error) => {
        assert.ok(error instanceof TransportError);
        assert.equal(error.code, "engine_unavailable");
        assert.match(
          error.message,
          /npm install @fails-components\/webtransport-transport-http3-quiche|npm install .*http3-quiche/,
        );
        return true;
      },
    );
  });

  test("gives a client that offers no protocol the one of the listener for such clients, and no other", async (t) => {
    const engine = await createFailsComponents(deps, { http2 });
    const certificate = await testCertificate();
    const infos: LinkInfo[] = [];
    const listener = await engine.listen(
      { host: "127.0.0.1", port: 0, protocols: ["a"], unoffered: "in-band", certificate, limits: LIMITS },
      (request) => {
        infos.push(request.info);
        request.accept(new Recorder().attach);
      },
    );
    t.after(() => listener.close());
    const trust = { kind: "hashes", sha256: [certificate.sha256] } as const;
    const url = new URL(`https://127.0.0.1:${listener.address.port}/`);
    const dial = (protocols: readonly string[], unanswered?: string) =>
      engine.dial(
        { url, protocols, ...(unanswered !== undefined && { unanswered }), trust, limits: LIMITS, timeoutMs: 5_000 },
        new Recorder().attach,
      );
    const links = [await dial([]), await dial(["a"])];
    assert.deepEqual(
      infos.map(({ protocol }) => protocol),
      ["in-band", "a"],
    );
    await assert.rejects(dial(["other"]), { code: "no_common_protocol" });
    assert.equal(infos.length, 2);
    for (const link of links) link.close(0, "");
  });

  test("says what to install when the package itself is missing", async () => {
    await assert.rejects(
      createFailsComponents(deps, { http2: true, load: () => Promise.reject(new Error("no such package")) }),
      { code: "engine_unavailable", message: /npm install @fails-components\/webtransport/ },
    );
  });
});

/** The page's connection over a transport that opens, with a relay that does not answer in the handshake. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it, mock } from "node:test";
import { Connection, type ConnectionState, type Session } from "../../web/src/relay/connection.ts";

/** A transport that is open at once. */
class OpenTransport {
  readonly ready = Promise.resolve();
  readonly closed = new Promise<WebTransportCloseInfo>(() => {});
  ends = 0;
  close(): void {
    this.ends++;
  }
}

class LateSession implements Session {
  readonly version = "moq-lite-05";
  readonly closed = new Promise<void>(() => {});
  ends = 0;
  close(): void {
    this.ends++;
  }
}

/** Longest time for a handshake, in milliseconds. */
const HANDSHAKE_MS = 10_000;
/** Wait after a first failure, in milliseconds. */
const RETRY_MS = 500;

describe("the page's connection whose handshake gets no answer", () => {
  const before = Object.getOwnPropertyDescriptor(globalThis, "WebTransport");
  let transports: OpenTransport[] = [];
  let handshakes: PromiseWithResolvers<Session>[] = [];
  let states: ConnectionState[] = [];
  let sessions: (Session | undefined)[] = [];

  beforeEach(() => {
    [transports, handshakes, states, sessions] = [[], [], [], []];
    const open = class extends OpenTransport {
      constructor() {
        super();
        transports.push(this);
      }
    };
    Object.defineProperty(globalThis, "WebTransport", { value: open, configurable: true });
    // The page asks the relay why it was refused: no answer.
    mock.method(globalThis, "fetch", async () => await Promise.reject(new Error("no relay")));
  });

  afterEach(() => {
    mock.restoreAll();
    mock.timers.reset();
    if (before === undefined) Reflect.deleteProperty(globalThis, "WebTransport");
    else Object.defineProperty(globalThis, "WebTransport", before);
  });

  function connect(): Connection<Session> {
    return new Connection<Session>({
      target: { url: new URL("https://relay.example/"), transport: "webtransport" },
      protocols: ["moq-lite-05"],
      handshake: async () => {
        const answer = Promise.withResolvers<Session>();
        handshakes.push(answer);
        return await answer.promise;
      },
      onState: (state) => states.push(state),
      onSession: (session) => sessions.push(session),
    });
  }

  it("gives up after ten seconds, dials again, and closes a session that comes later", async () => {
    mock.timers.enable({ apis: ["setTimeout"] });
    const connection = connect();
    await turns();
    assert.equal(handshakes.length, 1);
    mock.timers.tick(HANDSHAKE_MS - 1);
    await turns();
    assert.deepEqual(states, [{ kind: "connecting" }]);
    mock.timers.tick(1);
    await turns();
    const reason = "The relay at relay.example does not answer in the handshake of the session.";
    assert.deepEqual(states[1], { kind: "lost", reason, retryInMs: RETRY_MS });
    assert.equal(transports[0]?.ends, 1);
    mock.timers.tick(RETRY_MS);
    await turns();
    assert.equal(handshakes.length, 2);
    const late = new LateSession();
    handshakes[0]?.resolve(late);
    await turns();
    assert.equal(late.ends, 1);
    assert.deepEqual(sessions, []);
    connection.close();
  });

  it("ends at once by redial(), which dials again, and by close()", async () => {
    const connection = connect();
    await turns();
    connection.redial();
    await turns();
    assert.deepEqual([transports.map(({ ends }) => ends), handshakes.length], [[1, 0], 2]);
    connection.close();
    await turns();
    assert.deepEqual([transports.map(({ ends }) => ends), handshakes.length], [[1, 1], 2]);
    assert.deepEqual(states.at(-1), { kind: "closed" });
  });
});

/** What promises had to do is done. */
async function turns(): Promise<void> {
  for (let n = 0; n < 5; n++) await new Promise((resolve) => setImmediate(resolve));
}

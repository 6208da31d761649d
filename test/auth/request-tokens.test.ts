/** AUTHORIZATION TOKEN of moq-transport's requests, at a relay's gate and a session, with a peer that is bytes. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { generateKey, scopesOfJson, signCat, signProof } from "../../auth/index.ts";
import { ManualClock } from "../../lab/network/manual-clock.ts";
import { TestPublisher } from "../../lab/sim/client.ts";
import type { BidiHandler, Link, LinkHandler } from "../../moq/link.ts";
import { Broadcasts } from "../../moq/model/broadcasts.ts";
import { ChannelRegistry, type SessionReport, startSession } from "../../moq/session/index.ts";
import { capabilities, encodeMessage, type Message, type Token } from "../../moq/wire/ietf/index.ts";
import { AuthGate, ClusterPlane } from "../../relay/host/index.ts";
import { CACHE, FakeStream, LIMITS } from "../model/support.ts";
import { SESSION_LIMITS } from "../session/support.ts";
import { TestKey } from "../support/keys.ts";
import { configOf } from "../support/relay.ts";
import { until } from "../support/until.ts";
import { NOW, NOW_SECONDS } from "./support.ts";

const PROTOCOL = "moqt-18";
const caps = capabilities(PROTOCOL);
assert.ok(caps);
const write = (message: Message) => encodeMessage(message, caps);
const bytes = (text: string) => new Uint8Array(Buffer.from(text));

type Stream = FakeStream & { readonly id: number; stop(code: number): void };
function fakeStream(id: number): Stream {
  return Object.assign(new FakeStream(0, 0, false), { id, stop: () => {} });
}

/** A client of moq-transport that writes its messages itself; its link has a public grant for `open`. */
class Peer {
  readonly #handler: LinkHandler;
  readonly broadcasts: Broadcasts;
  readonly clock: ManualClock;
  readonly reports: SessionReport[] = [];
  #requests = 0;

  private constructor(clock: ManualClock, access: Awaited<ReturnType<AuthGate["admit"]>>["access"]) {
    this.clock = clock;
    this.broadcasts = new Broadcasts({ clock, limits: LIMITS, cache: CACHE });
    const attach = startSession({
      broadcasts: this.broadcasts,
      clock,
      limits: SESSION_LIMITS,
      channels: new ChannelRegistry(),
      hop: 9n,
      access,
      defect: (error) => assert.fail(String(error)),
      closed: (report) => this.reports.push(report),
    });
    this.#handler = attach(linkOf());
    const control = this.#handler.uni({ id: 2, stop: () => {} });
    control.data(write({ kind: "setup", tokens: [], maxAuthTokenCacheSize: 0 }));
  }

  static async open(gate: AuthGate, clock: ManualClock): Promise<Peer> {
    const { access } = await gate.admit(linkOf().info, "", "public");
    return new Peer(clock, access);
  }

  publish(path: string): TestPublisher {
    const source = new TestPublisher();
    this.broadcasts.publish(path, { epoch: source.epoch, hops: [], cost: 0, ended: false }, source);
    return source;
  }

  request(message: (requestId: number) => Message): { stream: Stream; handler: BidiHandler } {
    const id = this.#requests++;
    const stream = fakeStream(4 * id);
    const handler = this.#handler.bidi(stream);
    handler.data(write(message(2 * id)));
    return { stream, handler };
  }

  subscribe(path: string, track: string, tokens: readonly Token[]) {
    const namespace = path.split("/").map(bytes);
    return this.request((requestId) => ({
      kind: "subscribe",
      requestId,
      namespace,
      name: bytes(track),
      parameters: { tokens },
    }));
  }
}

function linkOf(): Link {
  return {
    info: {
      engine: "fake",
      binding: "quic",
      protocol: PROTOCOL,
      dialled: false,
      authority: "",
      path: "/",
      query: "",
      headers: new Map(),
      peer: { address: "203.0.113.9", port: 1 },
    },
    engine: { name: "fake", fanOut: () => assert.fail("no group is sent here") },
    queued: 0,
    ended: false,
    maxDatagramSize: 0,
    openUni: () => fakeStream(3),
    openBidi: () => undefined,
    allowBidi: () => {},
    pauseReading: () => {},
    sendDatagram: () => false,
    close: () => {},
    stats: () => ({ bytesSent: 0, bytesReceived: 0 }),
  };
}

describe("a request of moq-transport with a token", () => {
  let key: TestKey;
  let gate: AuthGate;
  const clock = new ManualClock();

  before(async () => {
    key = await TestKey.make("k1", { alg: "ES256" }, () => NOW_SECONDS);
    const config = configOf({ "auth.key_dir": key.folder, "auth.public_subscribe": "open" });
    const deps = { config, cluster: new ClusterPlane(config.cluster), clock, wallNow: () => NOW + clock.now() };
    gate = new AuthGate({
      ...deps,
      warn: assert.fail,
      changed: () => {},
      defect: (error) => assert.fail(String(error)),
    });
    await gate.open();
  });
  after(async () => {
    gate.close();
    await key.remove();
  });

  const cat = async (scopes: string, about = {}): Promise<Token> => {
    const token = await signCat(key.key, { scopes: scopesOfJson(`[${scopes}]`), about });
    return { use: "value", type: 1, value: new Uint8Array(Buffer.from(token, "base64url")) };
  };
  const refused = async ({ stream }: { stream: Stream }) => {
    await until(() => stream.state === "finished");
    return stream.text;
  };

  it("is served where its token permits it, and refused where neither the token nor the session does", async () => {
    const peer = await Peer.open(gate, clock);
    const source = peer.publish("vip/live");
    const token = await cat('[["subscribe"], ["vip"], "video"]');
    peer.subscribe("vip/live", "video", [token]);
    await until(() => source.sinks.size === 1);
    assert.match(await refused(peer.subscribe("vip/live", "audio", [token])), /token does not allow it/);
    assert.match(await refused(peer.subscribe("vip/live", "audio", [])), /token does not allow it/);
    assert.match(await refused(peer.subscribe("vip/live", "audio", [await cat('[["fetch"]]')])), /action_not_granted/);
    assert.equal(source.sinks.size, 1);
  });

  it("may do what the session may, too, as long as its token is valid", async () => {
    const peer = await Peer.open(gate, clock);
    const source = peer.publish("open/live");
    peer.subscribe("open/live", "video", [await cat('[["subscribe"], ["vip"]]')]);
    await until(() => source.sinks.size === 1);
    const expired = await cat('[["subscribe"]]', { exp: NOW_SECONDS - 1 });
    assert.match(await refused(peer.subscribe("open/live", "audio", [expired])), /token_expired/);
    const broken: Token = { use: "value", type: 1, value: new Uint8Array([0xd2, 0x84]) };
    assert.match(await refused(peer.subscribe("open/live", "audio", [broken])), /token_malformed/);
  });

  it("ends within a second when its token is revoked or expires, and the session goes on", async () => {
    const peer = await Peer.open(gate, clock);
    const source = peer.publish("vip/live");
    const wall = (NOW + clock.now()) / 1_000;
    const revoked = peer.subscribe("vip/live", "a", [await cat('[["subscribe"]]', { jti: "r1" })]);
    const expiring = peer.subscribe("vip/live", "b", [await cat('[["subscribe"]]', { exp: wall + 60 })]);
    await until(() => source.sinks.size === 2);
    await gate.revoke({ jti: "r1" });
    clock.advance(1_000);
    assert.deepEqual([revoked.stream.state, expiring.stream.state], ["reset", "open"]);
    clock.advance(60_000);
    assert.equal(expiring.stream.state, "reset");
    assert.equal(peer.reports.length, 0);
  });

  it("is not served when it was given up before its token was verified", async () => {
    const peer = await Peer.open(gate, clock);
    const source = peer.publish("vip/live");
    const { handler, stream } = peer.subscribe("vip/live", "video", [await cat('[["subscribe"]]')]);
    handler.reset(0);
    const served = peer.subscribe("vip/live", "audio", [await cat('[["subscribe"]]')]);
    await until(() => source.sinks.size === 1);
    assert.deepEqual([stream.text, served.stream.state], ["", "open"]);
  });

  it("brings the proof that its token needs", async () => {
    const peer = await Peer.open(gate, clock);
    const source = peer.publish("vip/live");
    const client = await generateKey({ alg: "EdDSA" });
    const token = await signCat(key.key, { scopes: scopesOfJson('[[["subscribe"]]]'), about: {}, bind: client });
    const bound: Token = { use: "value", type: 1, value: new Uint8Array(Buffer.from(token, "base64url")) };
    assert.match(await refused(peer.subscribe("vip/live", "video", [bound])), /proof_missing/);
    const target = { namespace: [bytes("vip"), bytes("live")], track: bytes("video") };
    const iat = Math.floor((NOW + clock.now()) / 1_000);
    const proof = await signProof(client, { token, action: "subscribe", target, iat });
    peer.subscribe("vip/live", "video", [bound, { use: "value", type: 0, value: bytes(proof) }]);
    await until(() => source.sinks.size === 1);
  });

  it("announces a namespace that its token permits", async () => {
    const peer = await Peer.open(gate, clock);
    const token = await cat('[["publish_namespace"], ["vip"]]');
    const parameters = { tokens: [token] };
    const namespace = [bytes("vip"), bytes("mine")];
    const announced = peer.request((requestId) => ({ kind: "publishNamespace", requestId, namespace, parameters }));
    await until(() => announced.stream.chunks.length > 0);
    assert.equal(announced.stream.state, "open");
    const bare = peer.request((requestId) => ({
      kind: "publishNamespace",
      requestId,
      namespace: [bytes("x")],
      parameters: {},
    }));
    assert.match(await refused(bare), /token does not allow it/);
  });
});

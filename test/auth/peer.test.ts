/** Keys and tokens against `@moq/token`, both ways. It stamps and checks with the time of the machine. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import * as peer from "@moq/token";
import {
  ALGORITHMS,
  generateKey,
  parseClaims,
  parseKeys,
  publicJwk,
  signToken,
  verifyToken,
} from "../../auth/index.ts";
import { RULES } from "./support.ts";

const CLAIMS = { root: "demo", put: ["my-stream"], get: [""], exp: 4_102_444_800 };

function only(text: string) {
  const [key] = parseKeys(text);
  assert.ok(key);
  return key;
}

/** Keys (the public half, where there is one) and tokens that moq-token-cli 0.5.48 wrote. */
const VECTORS: { alg: string; key: string; token: string }[] = JSON.parse(
  readFileSync(new URL("vectors/moq-token-cli-0.5.48.json", import.meta.url), "utf8"),
);

describe("tokens of moq-token-cli", () => {
  for (const { alg, key, token } of VECTORS) {
    it(`${alg}: its key file and its token are accepted unchanged`, async () => {
      const { granted, about } = await verifyToken(token, only(key), RULES, Date.now());
      assert.deepEqual([granted.root, granted.put, granted.get, about.exp], ["demo", ["a"], [""], 4_102_444_800]);
    });
  }
});

describe("tokens of @moq/token and ours", () => {
  for (const alg of ALGORITHMS) {
    it(`${alg}: each side verifies the other's, with the keys of either`, async () => {
      const theirs = await peer.generate(alg, "their-key");
      const ours = await generateKey({ alg, kid: "our-key" });

      const theirToken = await peer.sign(theirs, CLAIMS);
      const { granted } = await verifyToken(theirToken, only(JSON.stringify(theirs)), RULES, Date.now());
      assert.deepEqual([granted.root, granted.put, granted.get], ["demo", ["my-stream"], [""]]);

      const ourToken = await signToken(ours, CLAIMS);
      const seen = await peer.verify(verifying(peer.load(JSON.stringify(ours.jwk))), ourToken, "demo");
      assert.deepEqual([seen.root, seen.put, seen.get], ["demo", ["my-stream"], [""]]);

      const byTheirKey = await signToken(only(JSON.stringify(theirs)), CLAIMS);
      await peer.verify(verifying(theirs), byTheirKey, "demo");
    });
  }

  for (const alg of ALGORITHMS.filter((one) => !one.startsWith("HS"))) {
    it(`${alg}: the public half of the key is enough, in the form of either and in base64url`, async () => {
      const theirs = await peer.generate(alg, "k");
      const theirPublic = JSON.stringify(peer.toPublicKey(theirs));
      await verifyToken(await peer.sign(theirs, CLAIMS), only(theirPublic), RULES, Date.now());
      const encoded = Buffer.from(theirPublic).toString("base64url");
      assert.equal(only(encoded).signs, false);
      const ours = await generateKey({ alg });
      const published = publicJwk(ours);
      for (const field of ["d", "p", "q", "dp", "dq", "qi", "k"]) assert.equal(field in published, false);
      await peer.verify(peer.loadPublic(JSON.stringify(published)), await signToken(ours, CLAIMS), "demo");
    });
  }

  it("a string means a list of one", () => {
    const { asked } = parseClaims({ root: "demo", put: "alice" });
    assert.deepEqual([asked.put, asked.get], [["alice"], []]);
  });

  it("a token that names neither claim is refused by both", async () => {
    const key = await peer.generate("HS256");
    await assert.rejects(peer.sign(key, { root: "demo" }));
    assert.throws(() => parseClaims({ root: "demo" }), { code: "claims_invalid" });
  });
});

/** The peer verifies with public halves only, where there is one. */
function verifying(key: peer.Key): Parameters<typeof peer.verify>[0] {
  return key.kty === "oct" ? key : peer.toPublicKey(key);
}

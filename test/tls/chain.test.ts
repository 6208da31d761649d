import assert from "node:assert/strict";
import { mock, test } from "node:test";
import tls from "node:tls";
import { checkServerChain } from "../../transport/tls/index.ts";
import { Authority } from "../support/authority.ts";
import { testCertificate } from "../support/certificate.ts";

const NAMES = { names: ["relay.example"], days: 90 };

test("the authorities of the system, which Node keeps in memory, are read for a chain that another authority may have signed, and for no other", async () => {
  const read = mock.method(tls, "getCACertificates");
  const authority = await Authority.make("Root");
  const signed = await authority.issue(NAMES);
  const self = await testCertificate();

  assert.equal((await checkServerChain(self, []))?.fault, "certificate_self_signed");
  assert.equal(await checkServerChain(self, [self.cert]), undefined, "the certificate itself is an authority");
  assert.equal(await checkServerChain(signed, [authority.root]), undefined);
  assert.equal(read.mock.callCount(), 0);

  assert.equal((await checkServerChain(signed, []))?.fault, "certificate_chain_incomplete");
  assert.deepEqual(read.mock.calls[0]?.arguments, ["system"]);
});

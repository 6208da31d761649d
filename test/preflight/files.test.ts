/** Broken and odd configurations: each with the exact codes that `check` names, where, and what its sentence says: certificates, keys, secrets and folders. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Fixtures, findingsOf } from "./fixtures.ts";
import { certificate, NODE, table } from "./table.ts";

const fixtures = new Fixtures();
before(() => fixtures.make());
after(() => fixtures.remove());

describe("certificates that keep a relay from starting", () => {
  table(fixtures, "problems", [
    [
      "a file without a certificate",
      '[tls]\ncert = "DIR/text"\nkey = "DIR/good.key"',
      "certificate_invalid 2 tls.cert",
      /no PEM certificate/,
    ],
    [
      "a certificate that is no certificate",
      '[tls]\ncert = "DIR/broken.pem"\nkey = "DIR/good.key"',
      "certificate_invalid 2 tls.cert",
      /cannot be parsed/,
    ],
    [
      "the key of another certificate",
      '[tls]\ncert = "DIR/good.pem"\nkey = "DIR/self.key"',
      "key_mismatch 3 tls.key",
      /does not belong to the first certificate/,
    ],
    [
      "a file without a key",
      '[tls]\ncert = "DIR/good.pem"\nkey = "DIR/text"',
      "key_invalid 3 tls.key",
      /no private key in PEM/,
    ],
    [
      "a key with a passphrase",
      '[tls]\ncert = "DIR/good.pem"\nkey = "DIR/locked.key"',
      "key_encrypted 3 tls.key",
      /without a passphrase/,
    ],
    [
      "neither file",
      '[tls]\ncert = "DIR/x.pem"\nkey = "DIR/x.key"',
      ["file_missing 2 tls.cert", "file_missing 3 tls.key"],
      /the certificate file FOLDER\/x.pem does not exist/,
    ],
    [
      "a folder in place of a certificate",
      '[tls]\ncert = "DIR/folder"\nkey = "DIR/good.key"',
      "file_unreadable 2 tls.cert",
      /is a folder/,
    ],
    ["a certificate that has expired", certificate("old"), "certificate_expired 2 tls.cert", /expired on 20/],
    [
      "a certificate that is valid later",
      certificate("early"),
      "certificate_not_yet_valid 2 tls.cert",
      /not valid before 20/,
    ],
    [
      "the signer before the server",
      '[tls]\ncert = "DIR/turned.pem"\nkey = "DIR/leaf.key"',
      "certificate_order 3 tls.key",
      /but to number 2: put the server's own certificate first/,
    ],
    [
      "a further certificate that does not exist",
      '[tls]\ncertificates = ["DIR/x.pem DIR/x.key"]',
      ["file_missing 2 tls.certificates", "file_missing 2 tls.certificates"],
      /does not exist/,
    ],
    [
      "a further certificate without names",
      '[tls]\ncertificates = ["DIR/nameless.pem DIR/nameless.key"]',
      "certificate_without_names 2 tls.certificates",
      /no client can ask for it/,
    ],
    [
      "authorities of clients without a certificate",
      '[tls]\nclient_ca = "DIR/text"',
      "authorities_invalid 2 tls.client_ca",
      /no PEM certificate/,
    ],
    [
      "authorities of clients that do not exist",
      '[tls]\nclient_ca = "DIR/x"',
      "file_missing 2 tls.client_ca",
      /does not exist/,
    ],
    [
      "authorities of operators in a folder",
      '[http]\nadmin_tls = true\nadmin_client_ca = "DIR/folder"',
      "file_unreadable 3 http.admin_client_ca",
      /is a folder/,
    ],
  ]);
});

describe("certificates that clients do not trust", () => {
  const trusting = () => ({ authorities: fixtures.at("root.pem") });
  table(
    fixtures,
    "warnings",
    [
      ["one that ends soon", certificate("soon"), "certificate_expires_soon 2 tls.cert", /expires in 4 days.*renew it/],
      [
        "one without that of its signer",
        certificate("leaf"),
        "certificate_chain_incomplete 2 tls.cert",
        /"CN=Middle".*append the certificate of the signer/,
      ],
      [
        "a chain in disorder",
        '[tls]\ncert = "DIR/mixed.pem"\nkey = "DIR/leaf.key"',
        "certificate_chain_order 2 tls.cert",
        /has number 2, "CN=Other root", behind a certificate that it did not sign/,
      ],
      [
        "a signer that has expired",
        certificate("late"),
        "certificate_chain_expired 2 tls.cert",
        /"CN=Ended", that is not valid now/,
      ],
      [
        "a self-signed one",
        certificate("self"),
        ["certificate_expires_soon 2 tls.cert", "certificate_self_signed 2 tls.cert"],
        /by its fingerprint only.*remove `cert`/,
      ],
      [
        "one for clients",
        certificate("client"),
        "certificate_purpose 2 tls.cert",
        /extended key usage lacks serverAuth/,
      ],
      [
        "one of another name",
        `${certificate("good")}${NODE.replace("relay.example", "other.example")}root = ["https://root.example"]\nkey_file = "DIR/mesh.jwk"`,
        "certificate_name_mismatch 2 tls.cert",
        /no certificate is for other\.example/,
      ],
      [
        "two for one name",
        `${certificate("good")}certificates = ["DIR/full.pem DIR/leaf.key"]`,
        "certificate_name_twice 4 tls.certificates",
        /is for relay\.example, and so is FOLDER\/good\.pem/,
      ],
      [
        "a key that every user may read",
        '[tls]\ncert = "DIR/good.pem"\nkey = "DIR/open.key"',
        "secret_readable 3 tls.key",
        /may read it \(mode 0644\)/,
      ],
      [
        "an authority of clients that has expired",
        '[tls]\nclient_ca = "DIR/ended.pem"',
        "authority_expired 2 tls.client_ca",
        /"CN=Ended", which expired on/,
      ],
      [
        "a client's certificate as authority",
        '[tls]\nclient_ca = "DIR/client.pem"',
        "authority_not_ca 2 tls.client_ca",
        /is no authority/,
      ],
    ],
    trusting,
  );
  table(fixtures, "warnings", [
    [
      "one of a private authority",
      '[tls]\ncert = "DIR/private.pem"\nkey = "DIR/good.key"',
      "certificate_untrusted 2 tls.cert",
      /leads to "CN=Root".*check --ca FILE/,
    ],
  ]);

  test("a whole chain of an authority that clients trust is fine", async () => {
    const toml = '[tls]\ncert = "DIR/full.pem"\nkey = "DIR/leaf.key"';
    assert.deepEqual(await findingsOf(fixtures, toml, trusting()), { problems: [], warnings: [] });
  });
});

describe("keys, revocations and secrets", () => {
  table(fixtures, "problems", [
    [
      "a key file without a key",
      '[auth]\nkey_file = "DIR/none.jwk"',
      "keys_invalid 2 auth.key_file",
      /not a JWK: its type, `kty`, is missing/,
    ],
    ["a key file that does not exist", '[auth]\nkey_file = "DIR/x"', "file_missing 2 auth.key_file", /does not exist/],
    [
      "a folder in place of a key file",
      '[auth]\nkey_file = "DIR/folder"',
      "keys_invalid 2 auth.key_file",
      /not a regular file/,
    ],
    [
      "a folder of keys that does not exist",
      '[auth]\nkey_dir = "DIR/x"',
      "file_missing 2 auth.key_dir",
      /the key folder FOLDER\/x/,
    ],
    [
      "a file in place of a folder of keys",
      '[auth]\nkey_dir = "DIR/text"',
      "folder_unusable 2 auth.key_dir",
      /it is not a folder/,
    ],
    [
      "revocations that are no JSON",
      '[auth]\nrevocations = "DIR/text"',
      "revocations_invalid 2 auth.revocations",
      /the revocation file FOLDER\/text/,
    ],
    [
      "a secret of operators that does not exist",
      '[http]\nadmin_token_file = "DIR/x"',
      "file_missing 2 http.admin_token_file",
      /does not exist/,
    ],
    [
      "a secret of operators that is short",
      '[http]\nadmin_token_file = "DIR/short"',
      "secret_invalid 2 http.admin_token_file",
      /at least 32 characters/,
    ],
    [
      "a secret of readers in a folder",
      '[http]\nadmin_read_token_file = "DIR/folder"',
      "secret_invalid 2 http.admin_read_token_file",
      /not a regular file/,
    ],
    [
      "a secret of webhooks that does not exist",
      '[webhooks]\nurls = ["https://a.example"]\nsecret_file = "DIR/x"',
      "file_missing 3 webhooks.secret_file",
      /no such file/,
    ],
    [
      "a secret of webhooks that is empty",
      '[webhooks]\nurls = ["https://a.example"]\nsecret_file = "DIR/empty"',
      "webhook_secret_invalid 3 webhooks.secret_file",
      /has fewer than 24 characters/,
    ],
    [
      "a short reset key",
      '[quic]\nreset_key_file = "DIR/short"',
      "reset_key_invalid 2 quic.reset_key_file",
      /fewer than 32 bytes/,
    ],
    [
      "a reset key that does not exist",
      '[quic]\nreset_key_file = "DIR/x"',
      "file_missing 2 quic.reset_key_file",
      /cannot be read/,
    ],
  ]);
  table(fixtures, "warnings", [
    ["a folder without keys", '[auth]\nkey_dir = "DIR/no-keys"', "keys_empty 2 auth.key_dir", /has no usable key/],
    [
      "junk in a folder of keys",
      '[auth]\nkey_dir = "DIR/junk-keys"',
      ["key_not_used 2 auth.key_dir", "keys_empty 2 auth.key_dir"],
      /a\.jwk is not used/,
    ],
    ["a bad key in a set", '[auth]\nkey_file = "DIR/set.jwk"', "key_not_used 2 auth.key_file", /number 2 is not used/],
    [
      "a private key on a relay that only verifies",
      '[auth]\nkey_file = "DIR/mesh.jwk"',
      "key_private 2 auth.key_file",
      /needs only the public half/,
    ],
    [
      "a key for signing",
      '[auth]\nkey_file = "DIR/signs.jwk"',
      ["key_signs_only 2 auth.key_file", "key_private 2 auth.key_file"],
      /verifies no token/,
    ],
    [
      "a key that every user may change",
      '[auth]\nkey_file = "DIR/loose.jwk"',
      "secret_readable 2 auth.key_file",
      /may change it \(mode 0666\)/,
    ],
    [
      "a secret that every user may read",
      '[http]\nadmin_token_file = "DIR/open-secret"',
      "secret_readable 2 http.admin_token_file",
      /may read it \(mode 0644\)/,
    ],
  ]);
});

describe("folders", () => {
  table(fixtures, "problems", [
    [
      "a file in place of the state folder",
      '[tls]\nstate_dir = "DIR/text"',
      "folder_unusable 2 tls.state_dir",
      /is not a folder; name another folder/,
    ],
    [
      "a state folder below a file",
      '[tls]\nstate_dir = "DIR/text/state"',
      "folder_unusable 2 tls.state_dir",
      /cannot be made: a part of its path is a file/,
    ],
    [
      "qlog files in a file",
      '[server]\nhost = "127.0.0.1"\n[quic]\nqlog_dir = "DIR/text"',
      "folder_unusable 4 quic.qlog_dir",
      /is not a folder/,
    ],
    [
      "snapshots in a file",
      '[http]\nsnapshot_dir = "DIR/text"',
      "folder_unusable 2 http.snapshot_dir",
      /is not a folder/,
    ],
    [
      "revocations below a file",
      '[auth]\nrevocations = "DIR/text/a"',
      ["folder_unusable 2 auth.revocations", "folder_unusable 2 auth.revocations"],
      /FOLDER\/text is not a folder/,
    ],
  ]);
});

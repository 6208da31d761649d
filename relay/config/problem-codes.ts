/**
 * Codes of problems and warnings about a configuration, and what each means. They are stable: scripts name them. A code is never used again
 * for something else.
 */
const MEANINGS = {
  unreadable: "The configuration file cannot be read.",
  syntax: "The configuration file is not TOML.",
  unknown_section: "There is no such section.",
  unknown_key: "There is no such key.",
  bad_value: "The value is not valid for its key.",
  conflict: "Values that are valid by themselves contradict each other.",
  not_for_production: "`--production` refuses this setting.",

  file_missing: "A file that the configuration names does not exist.",
  file_unreadable: "A file cannot be read: it is a folder, or the relay's user may not read it.",
  secret_readable: "Other users of the machine may read a secret, or change a file that grants access.",
  secret_inline: "The configuration file holds a secret, or a flag shows one (`--production`).",
  folder_unusable: "A folder cannot be used: it is a file, cannot be made, or the relay's user may not write there.",

  certificate_invalid: "A file holds no certificate in PEM form.",
  certificate_order: "The certificate of the key is not the first one in its file.",
  certificate_expired: "A certificate has expired.",
  certificate_not_yet_valid: "A certificate is valid only later.",
  certificate_expires_soon: "A certificate ends within `[tls] warn_days`.",
  certificate_without_names: "A further certificate names no host, so no client can ask for it.",
  certificate_name_twice: "Two certificates are for the same name; clients get the first one.",
  certificate_name_mismatch: "No certificate is for a name under which the relay is dialled.",
  certificate_self_signed: "No authority has signed the certificate.",
  certificate_chain_incomplete: "The certificate of the signer is missing in the file.",
  certificate_chain_order: "The certificates in the file are not in the order of their signers.",
  certificate_chain_expired: "A certificate of the chain, not the first, is not valid now.",
  certificate_purpose: "The certificate is not for servers, or not for clients.",
  certificate_untrusted: "The chain leads to an authority that clients do not trust.",
  key_invalid: "A file holds no private key in PEM form.",
  key_encrypted: "A private key has a passphrase.",
  key_mismatch: "A private key is not that of its certificate.",
  authorities_invalid: "A file of authorities holds no certificate in PEM form.",
  authority_expired: "The certificate of an authority has expired.",
  authority_not_ca: "A file of authorities has a certificate that cannot sign others.",

  keys_invalid: "A file or folder of keys for tokens cannot be used.",
  keys_empty: "A folder of keys has no usable key, so every token is refused.",
  key_not_used: "One of several keys cannot be used; the relay starts without it.",
  key_private: "A key that only verifies is a private key, which can sign tokens.",
  key_signs_only: "A key is for signing, so it verifies no token.",
  revocations_invalid: "The file of revocations cannot be used.",
  secret_invalid: "A file with a secret cannot be used.",
  reset_key_invalid: "The file of the stateless reset key cannot be used.",
  webhook_secret_invalid: "The file with the secret of webhooks cannot be used.",
  cluster_key_unusable: "`[cluster] key_file` holds no key that can sign for relays.",
  cluster_credentials_invalid: "What `[cluster]` names cannot be used.",
  cluster_token_invalid: "`[cluster] token` or `token_file` is not a token for relays.",
  cluster_token_expired: "The cluster token has expired.",
  cluster_token_refused: "No key of `[auth]` accepts this relay's own cluster token.",
  node_mismatch: "A token or certificate of the mesh is that of another relay.",

  engine_unavailable: "No engine for QUIC can be loaded, or not the named one.",
  engine_lacks: "The engine cannot do what a setting asks for.",
  port_conflict: "Two listeners of the relay have the same port.",
  port_in_use: "Another program uses a port.",
  port_in_use_by_relay: "A relay runs with these ports already.",
  port_unusable: "A port cannot be bound: its address is not this machine's, or permission is missing.",

  setting_without_effect: "A setting has no effect, because another one is missing.",
  mesh_without_way_in: "The relay is in a mesh and knows no other relay.",
  node_not_dialled: "Other relays cannot dial this one, and they have to.",
  url_not_reachable: "A URL that others dial leads to this machine only, or nowhere.",
  url_wrong_port: "A URL that others dial has a port at which the relay does not listen.",
  relay_twice: "A list names one relay twice, or this relay itself.",
  cluster_plane_open: "A stolen token is enough to join the mesh: no certificates and no networks are required.",
  token_life_refused: "The relay's own tokens live longer than `[auth] max_life` allows.",
  public_access: "Every client may watch or publish everything.",
  plaintext: "Credentials or events travel without encryption.",
  webhooks_unsigned: "Receivers cannot tell that events come from this relay.",
  memory_exceeds_machine: "`[limits] memory` is more than the process may use.",
  cache_exceeds_memory: "The cache may use so much memory that the relay sheds it all the time.",

  name_unresolved: "A host name cannot be resolved.",
  service_unreachable: "A service cannot be reached, or its certificate is not trusted.",
} as const;

export type ProblemCode = keyof typeof MEANINGS;

/** What each code means, in the order of the reference page. */
export const PROBLEM_MEANINGS: ReadonlyMap<string, string> = new Map(Object.entries(MEANINGS));

export function isProblemCode(text: string | undefined): text is ProblemCode {
  return text !== undefined && text in MEANINGS;
}

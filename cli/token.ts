import { ALGORITHMS, MOQT_ACTIONS } from "../auth/index.ts";
import { type Command, type Invocation, UsageError } from "./command.ts";
import type { ExitCode } from "./exit-codes.ts";
import type { Io } from "./io.ts";
import { tokenProve } from "./token-prove.ts";
import { tokenInspect, tokenVerify } from "./token-read.ts";
import { tokenKeygen, tokenSign } from "./token-write.ts";

const ACTIONS: ReadonlyMap<string, (invocation: Invocation, io: Io) => Promise<ExitCode>> = new Map([
  ["keygen", tokenKeygen],
  ["sign", tokenSign],
  ["verify", tokenVerify],
  ["inspect", tokenInspect],
  ["prove", tokenProve],
]);

export const tokenCommand: Command = {
  name: "token",
  summary: "Make keys, and make, verify and read tokens.",
  description: [
    "keygen makes a key. It writes the key to --out, readable by its owner only, and the public half to --public or to standard output. It prints the private part only when --out is -.",
    "sign prints a token for --root with --put and --get, signed with --key. verify reads a token from standard input, or from the file of --in, checks it with --key as the relay does, and prints its claims as JSON. inspect prints header and claims of a token without checking it. Both print the token's times as dates on standard error.",
    "With --cat, sign makes a Common Access Token of moq-transport, whose scopes are those of --put and --get, or those of --moqt. prove prints a proof that its maker has the key of --key, for the token of --in that was signed with --bind: of a session, or of one request.",
  ],
  positionals: [
    {
      name: "ACTION",
      required: true,
      choices: [...ACTIONS.keys()],
      description: "keygen, sign, verify, inspect or prove.",
    },
  ],
  options: [
    {
      name: "alg",
      value: "ALG",
      choices: ALGORITHMS,
      description:
        "keygen: ES256 (default), ES384, EdDSA, RS256, RS384, RS512, PS256, PS384, PS512; HS256, HS384 or HS512 make a secret, which has no public half.",
    },
    { name: "kid", value: "ID", description: "keygen: the key's id; random if not given." },
    {
      name: "out",
      value: "FILE",
      description: "keygen: the file to write the key to; - for standard output, DIR/ for DIR/KID.jwk.",
    },
    {
      name: "public",
      value: "FILE",
      description: "keygen: the file to write the public half to; - and DIR/ as for --out.",
    },
    {
      name: "key",
      value: "FILE",
      description:
        "sign, verify, prove: a JWK or a JWK set, as JSON or base64url, or one key in PEM; - for standard input.",
    },
    {
      name: "root",
      value: "PATH",
      description: "sign: the path that --put and --get are relative to. keygen: the same, for the key's scope.",
    },
    {
      name: "put",
      value: "LIST",
      description: 'sign: what may be published, such as cam1,cam2; "" for all. keygen: of the key\'s scope.',
    },
    { name: "get", value: "LIST", description: 'sign: what may be watched; "" for all. keygen: of the key\'s scope.' },
    {
      name: "cluster",
      description: "sign: make a token for a relay of the mesh. keygen: let the key sign such tokens.",
    },
    {
      name: "admin",
      value: "RIGHT",
      choices: ["read", "write"],
      description:
        "sign: make a token for the admin API, read or write; it permits nothing else. keygen: let the key sign such tokens.",
    },
    {
      name: "expires",
      value: "TIME",
      description: "sign: how long the token is valid, such as 2h or 30d; if not given, it never expires.",
    },
    { name: "not-before", value: "TIME", description: "sign: how long until the token becomes valid." },
    {
      name: "subject",
      value: "NAME",
      description: "sign: the owner of the token (sub), for the log and for revocation.",
    },
    { name: "id", value: "ID", description: "sign: the token's own id (jti), for revocation; random if not given." },
    { name: "cat", description: "sign: make a Common Access Token instead of a JSON Web Token." },
    {
      name: "moqt",
      value: "JSON",
      description: `sign --cat: the token's scopes, such as '[[["client_setup"]], [["subscribe"], ["live", ["prefix", "room"]], "video"]]', instead of --root, --put and --get. Actions: ${MOQT_ACTIONS.join(", ")}.`,
    },
    {
      name: "bind",
      value: "FILE",
      description: "sign --cat: the client must prove that it has this key (DPoP); the public half is enough.",
    },
    {
      name: "revalidate",
      value: "TIME",
      description: "sign --cat: the longest time after which a relay verifies the token of a running session again.",
    },
    {
      name: "action",
      value: "NAME",
      choices: MOQT_ACTIONS,
      description: "prove: what is asked for; client_setup, to open a session, if not given.",
    },
    { name: "namespace", value: "PATH", description: "prove: the namespace of the request, its fields joined by /." },
    { name: "track", value: "NAME", description: "prove: the track of the request." },
    { name: "issuer", value: "NAME", description: "sign: the issuer (iss)." },
    { name: "audience", value: "NAME", description: "sign: the audience (aud)." },
    {
      name: "json",
      description:
        "Print one JSON object. keygen: the key's file, or the key itself for -. sign: the token with its header and claims. verify, inspect: no dates on standard error.",
    },
    {
      name: "in",
      value: "FILE",
      description: "verify, inspect, prove: the file with the token; standard input if not given.",
    },
  ],
  takesConfig: false,
  examples: [
    "token keygen --alg EdDSA --out private.jwk --public keys/",
    'token sign --key private.jwk --root live/room1 --put "" --expires 2h',
    "token sign --key private.jwk --admin read --subject ops --expires 30d",
    'token sign --cat --key private.jwk --root live --get "" --expires 2h',
    "token verify --key keys/KID.jwk --in token.txt",
  ],
  run,
};

async function run(invocation: Invocation, io: Io): Promise<ExitCode> {
  const [name = ""] = invocation.positionals;
  const action = ACTIONS.get(name);
  if (action === undefined) throw new UsageError(`"${name}" is not one of keygen, sign, verify, inspect and prove`);
  return await action(invocation, io);
}

import { type Command, type Invocation, UsageError } from "./command.ts";
import type { ExitCode } from "./exit-codes.ts";
import type { Io } from "./io.ts";
import { tokenInspect, tokenVerify } from "./token-read.ts";
import { tokenKeygen, tokenSign } from "./token-write.ts";

const ACTIONS: ReadonlyMap<string, (invocation: Invocation, io: Io) => Promise<ExitCode>> = new Map([
  ["keygen", tokenKeygen],
  ["sign", tokenSign],
  ["verify", tokenVerify],
  ["inspect", tokenInspect],
]);

export const tokenCommand: Command = {
  name: "token",
  summary: "Make keys, and make, verify and read tokens.",
  description: [
    "keygen makes a key. It goes to --out, readable by its owner only, and its public half to --public or to standard output; the private part is printed only when --out is -.",
    "sign prints a token for --root with --put and --get, signed with --key. verify checks the token on standard input, or in the file of --in, with --key as the relay would, and prints its claims as JSON. inspect prints header and claims of a token without checking anything. Both say on standard error what its times are as dates.",
  ],
  positionals: [{ name: "ACTION", required: true, description: "keygen, sign, verify or inspect." }],
  options: [
    {
      name: "alg",
      value: "ALG",
      description:
        "keygen: ES256 (default), ES384, EdDSA, RS256, RS384, RS512, PS256, PS384, PS512; HS256, HS384 or HS512 make a secret, which has no public half.",
    },
    { name: "kid", value: "ID", description: "keygen: the key's id; made up unless given." },
    {
      name: "out",
      value: "FILE",
      description: "keygen: where the key goes; - for standard output, DIR/ for DIR/KID.jwk.",
    },
    { name: "public", value: "FILE", description: "keygen: where the public half goes; - and DIR/ as for --out." },
    {
      name: "key",
      value: "FILE",
      description: "sign, verify: a JWK or a JWK set, as JSON or base64url; - for standard input.",
    },
    {
      name: "root",
      value: "PATH",
      description: "sign: the path that --put and --get are under. keygen: of the key's scope.",
    },
    {
      name: "put",
      value: "LIST",
      description: 'sign: what may be published, such as cam1,cam2; "" for all. keygen: of the key\'s scope.',
    },
    { name: "get", value: "LIST", description: 'sign: what may be watched; "" for all. keygen: of the key\'s scope.' },
    { name: "cluster", description: "sign: for a relay of the mesh. keygen: the key may sign for those." },
    {
      name: "expires",
      value: "TIME",
      description: "sign: how long it is valid, such as 2h or 30d; without it, for ever.",
    },
    { name: "not-before", value: "TIME", description: "sign: how long until it is valid." },
    { name: "subject", value: "NAME", description: "sign: whom it is for (sub), for the log and for revocation." },
    { name: "id", value: "ID", description: "sign: the token's own id (jti), for revocation; made up unless given." },
    { name: "issuer", value: "NAME", description: "sign: iss." },
    { name: "audience", value: "NAME", description: "sign: aud." },
    {
      name: "json",
      description:
        "Print one JSON object: keygen where the key is, or the key itself for -; sign the token with its header and claims; verify and inspect without the dates.",
    },
    { name: "in", value: "FILE", description: "verify, inspect: where the token is; standard input unless given." },
  ],
  takesConfig: false,
  examples: [
    "token keygen --alg EdDSA --out private.jwk --public keys/",
    'token sign --key private.jwk --root live/room1 --put "" --expires 2h',
    "token verify --key keys/KID.jwk --in token.txt",
  ],
  run,
};

async function run(invocation: Invocation, io: Io): Promise<ExitCode> {
  const [name = ""] = invocation.positionals;
  const action = ACTIONS.get(name);
  if (action === undefined) throw new UsageError(`"${name}" is none of keygen, sign, verify and inspect`);
  return await action(invocation, io);
}

import { isCborText, MOQT_ACTIONS, signProof } from "../auth/index.ts";
import { namespaceOf, trackNameOf } from "../relay/client/index.ts";
import { CommandError, type Invocation, UsageError } from "./command.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import type { Io } from "./io.ts";
import { checkInputs, printJson, readKeys, readToken } from "./token-read.ts";
import { usable } from "./token-write.ts";

/** Prints a proof that its maker has the key to which a Common Access Token is bound. */
export async function tokenProve(invocation: Invocation, io: Io): Promise<ExitCode> {
  checkInputs(invocation);
  const { values, switches } = invocation;
  const name = values.get("action") ?? "client_setup";
  const action = MOQT_ACTIONS.find((one) => one === name);
  if (action === undefined) throw new UsageError(`--action ${name} is unknown; use one of ${MOQT_ACTIONS.join(", ")}`);
  const target = targetOf(values);
  if (action.endsWith("_setup") !== (target === undefined)) {
    throw new UsageError(
      target === undefined ? "--namespace PATH is missing" : "a session is opened for no namespace: give --action NAME",
    );
  }
  const key = readKeys(invocation, io).find((one) => one.signs);
  if (key === undefined) throw new CommandError("the file of --key has no key that can sign", EXIT.failed);
  const token = readToken(invocation);
  if (!isCborText(token)) throw new CommandError("the input is not a Common Access Token", EXIT.failed);
  const iat = Math.floor(Date.now() / 1000);
  const proof = await usable(() => signProof(key, { token, action, target, iat }));
  if (switches.has("json")) printJson(io, { proof });
  else io.out.write(`${proof}\n`);
  return EXIT.ok;
}

function targetOf(values: Invocation["values"]): Parameters<typeof signProof>[1]["target"] {
  const path = values.get("namespace");
  const name = values.get("track");
  if (path === undefined) {
    if (name !== undefined) throw new UsageError("--track needs --namespace");
    return undefined;
  }
  const namespace = namespaceOf(path);
  if (namespace === undefined) throw new UsageError(`--namespace "${path}" is not a namespace, such as live/room1`);
  if (name === undefined) return { namespace };
  const track = trackNameOf(name);
  if (track === undefined) throw new UsageError(`--track "${name}" is not a track's name`);
  return { namespace, track };
}

import type { Parameters, Setup } from "../../wire/ietf/index.ts";

/**
 * Programs, by MOQT_IMPLEMENTATION, that ask for the next object and can read a group only from its first one. They fetch nothing before it, so they would
 * never see a track of one group, such as a catalog. `moq-lite-js` is npm's `@moq/net`, in drafts before 20.
 */
const READ_WHOLE_GROUPS: ReadonlySet<string> = new Set(["moq-lite-js"]);

/** The parameters of a SUBSCRIBE as its sender means them. */
export function meantBy(setup: Setup | undefined, parameters: Parameters): Parameters {
  const { filter, ...others } = parameters;
  if (filter?.kind !== "next_object" || !READ_WHOLE_GROUPS.has(setup?.implementation ?? "")) return parameters;
  return others;
}

import { randomBytes } from "node:crypto";
import { isUnder, joinPath, normalisePath, rootOf, stripPrefix } from "../../moq/path.ts";
import { CommandError, UsageError } from "../command.ts";
import { EXIT } from "../exit-codes.ts";
import { refusal } from "../explain.ts";
import { type Plan, shown } from "./contract.ts";

/** Random bytes in the name of the broadcast: it cannot be guessed, and no two probes meet. */
const NAME_BYTES = 16;

/** Where the broadcast is: the same absolute path, as each session names it. */
export interface Place {
  readonly path: string;
  /** Relative to the root of the publishing session. */
  readonly published: string;
  /** Relative to the root of each watching session, in their order. */
  readonly watched: readonly string[];
}

/** The prefixes that a session may use, absolute; undefined where the relay does not tell. */
type Grant = readonly string[] | undefined;

/**
 * Chooses a path that the publishing session may publish and every watching session may watch, by what the relays say of their tokens. Throws
 * {@link CommandError} when there is none, and {@link UsageError} when a URL leads elsewhere.
 */
export async function choosePlace(plan: Plan): Promise<Place> {
  const { publish, watch, prefix } = plan;
  const [mayPublish, ...mayWatch] = await Promise.all([
    grantOf(plan, publish, "publish"),
    ...watch.map((target) => grantOf(plan, target, "subscribe")),
  ]);
  const root = rootAt(publish.url);
  const asked = prefix === undefined ? undefined : joinPath(root, normalisePath(prefix));
  const candidates = asked === undefined ? (mayPublish ?? [root]) : [asked];
  if (asked !== undefined && mayPublish !== undefined && !allows(mayPublish, asked)) {
    throw refused(`${shown(publish.url)}: the token may not publish under "${asked}", but under ${listed(mayPublish)}`);
  }
  const fits = (one: string) => mayWatch.every((grant) => grant === undefined || allows(grant, one));
  const chosen = candidates.find(fits);
  if (chosen === undefined) {
    const blind = watch.filter((_, index) => {
      const grant = mayWatch[index];
      return grant !== undefined && !candidates.some((one) => allows(grant, one));
    });
    const where = (blind.length === 0 ? watch : blind).map(({ url }) => shown(url)).join(", ");
    throw refused(
      candidates.length === 0
        ? `${shown(publish.url)}: nothing may be published there`
        : `${where}: what may be published (${listed(candidates)}) may not be watched there\n\`moqmesh ping\` shows what a token grants at a relay; --prefix names the path to use`,
    );
  }
  const path = joinPath(chosen, `moqmesh-probe-${randomBytes(NAME_BYTES).toString("hex")}`);
  return { path, published: seen(publish.url, path), watched: watch.map(({ url }) => seen(url, path)) };
}

async function grantOf(
  { library }: Plan,
  { url, trust }: Plan["publish"],
  what: "publish" | "subscribe",
): Promise<Grant> {
  const verdict = await library.askAccess(url, trust);
  if (verdict === undefined) return undefined;
  if (!verdict.allowed) throw refusal(url, verdict);
  const root = rootAt(url);
  return verdict[what].map((prefix) => joinPath(root, normalisePath(prefix)));
}

function allows(prefixes: readonly string[], path: string): boolean {
  return prefixes.some((prefix) => isUnder(path, prefix));
}

function rootAt(url: URL): string {
  const root = rootOf(url.pathname);
  if (root === undefined) throw new UsageError(`the path of ${shown(url)} cannot be decoded`);
  return root;
}

function seen(url: URL, path: string): string {
  const relative = stripPrefix(rootAt(url), path);
  if (relative === undefined) {
    throw new UsageError(`${path} is not under the path of ${shown(url)}: use the same path in --publish and --watch`);
  }
  return relative;
}

function listed(prefixes: readonly string[]): string {
  if (prefixes.length === 0) return "nothing";
  return prefixes.map((prefix) => (prefix === "" ? "everything" : `"${prefix}"`)).join(", ");
}

function refused(message: string): CommandError {
  return new CommandError(message, EXIT.refused, "path_not_granted");
}

import { type MeshNodeEvents, whyUnreachable } from "../../cluster/index.ts";
import { TransportError } from "../../moq/link.ts";
import type { Defects } from "../host/index.ts";
import type { Logger } from "../log/index.ts";

/** Writes what happens to a node of the mesh to the log. */
export function meshLog(log: Logger, defects: Defects): MeshNodeEvents {
  return { ...rootLog(log, defects), ...relayLog(log, defects), ...nameLog(log) };
}

type RootLog = "rootReached" | "rootUnreachable" | "answerCut" | "rootless" | "parentIgnored" | "controlDefect";

function rootLog(log: Logger, defects: Defects): Pick<MeshNodeEvents, RootLog> {
  return {
    rootReached: (root, session) => log.info({ root, session }, "root reached"),
    rootUnreachable: (root, error) => {
      log.warn({ root, ...facts(error) }, `the root ${root} ${whyUnreachable(error)}; trying again`);
    },
    answerCut: (prefix, reason) => {
      log.warn(
        { prefix, reason },
        "the root cut its list of relays and broadcasts; asking for it again after the lease",
      );
    },
    rootless: (asking, trouble) => {
      const why = trouble.length === 0 ? "" : ` (${trouble.join("; ")})`;
      log.info(asking ? `no root can be asked${why}: asking other relays` : "a root can be asked again");
    },
    parentIgnored: (parent, ignored) => {
      if (!ignored)
        log.info({ parent }, `parent regions lead in no circle any more: the parent region ${parent} is used again`);
      else {
        log.warn(
          { code: "parent_region_circle", parent },
          `the parent region ${parent} is ignored, because parent regions lead in a circle: regionals of this region take broadcasts from origins; correct \`[cluster] parent_region\` of one of these regions`,
        );
      }
    },
    controlDefect: (error) => defects.report("in this root's control session with itself", error),
  };
}

type RelayLog =
  | "relayReached"
  | "relayUnreachable"
  | "relaySuspected"
  | "relayAnswers"
  | "externalReached"
  | "externalUnreachable"
  | "notIdentified"
  | "dnsTrouble"
  | "sessionClosed"
  | "sessionDefect"
  | "tokenExpires";

function relayLog(log: Logger, defects: Defects): Pick<MeshNodeEvents, RelayLog> {
  return {
    relayReached: (node, protocol, session) => log.info({ node, protocol, session }, "relay reached"),
    relayUnreachable: ({ node, url }, error) => {
      log.warn({ node, url, ...facts(error) }, `the relay ${node} at ${url} ${whyUnreachable(error)}`);
    },
    relaySuspected: (node, silentMs) => {
      log.warn(
        { code: "relay_silent", node, silentMs: Math.round(silentMs) },
        `the relay ${node} answers no probe; its tracks move to other relays where there are any`,
      );
    },
    relayAnswers: (node) => {
      log.info({ code: "relay_answers", node }, `the relay ${node} answers again; tracks may move back to it later`);
    },
    externalReached: (host, protocol) => log.info({ host, protocol }, "relay outside the mesh reached"),
    externalUnreachable: (host, error) => {
      const why = whyUnreachable(error);
      log.warn({ host, ...facts(error) }, `the relay ${host} outside the mesh ${why}; trying again`);
    },
    notIdentified: ({ node, url }, error) => {
      log.warn(
        { node, url, ...facts(error) },
        `the relay ${node} at ${url}, found by DNS, ${whyUnreachable(error)}; it is asked again after the next look-up`,
      );
    },
    dnsTrouble: (message) => log.warn(message),
    sessionClosed: ({ reason, message, info }, session) => {
      log.info({ session, reason, text: message, host: info.authority }, "session with a relay closed");
    },
    sessionDefect: (error) => defects.report("in a session with a relay", error),
    tokenExpires: (peer, expiresAt) => {
      log.warn(
        { code: "cluster_token_ends", expires: new Date(expiresAt).toISOString() },
        `the cluster token of the session with ${peer} expires soon, and there is no newer one: the session will end`,
      );
    },
  };
}

type NameLog = "namesake" | "nameContested" | "nodeUnnamed" | "clockAhead";

function nameLog(log: Logger): Pick<MeshNodeEvents, NameLog> {
  return {
    namesake: ({ node, url }, taken) => {
      const other = url === "" ? "another relay" : `the relay at ${url}`;
      const which = taken ? "it is registered and this one is not" : "this one is registered";
      log.warn(
        { code: "node_twice", node, url },
        `${other} has the name ${node} as well, and ${which}: give each relay a name of its own ([cluster] node)`,
      );
    },
    nameContested: (infos, registered) => {
      const node = infos[0]?.node;
      const urls = infos.map(({ url }) => url);
      log.warn(
        { code: "node_twice", node, registered, urls },
        `${infos.length} relays have the name ${node}; only the one at ${registered} is registered: give each relay a name of its own`,
      );
    },
    nodeUnnamed: ({ node, url }) => {
      log.warn(
        { code: "node_unnamed", node, url },
        `the token of ${node} has no \`sub\`, so another relay could take that name; sign a new one with \`moqmesh token sign --subject ${node}\``,
      );
    },
    clockAhead: (node, aheadMs) => {
      log.warn(
        { code: "mesh_clock_ahead", node, aheadSeconds: Math.round(aheadMs / 1_000) },
        `refused what ${node} announced: the epoch of a broadcast, or the time of its start, is more than an hour ahead of this relay's clock; check the clocks of both relays, and that of the publisher`,
      );
    },
  };
}

/** The reason of a failed dial, for machines. */
function facts(error: unknown): { code?: string; status?: number } {
  if (!(error instanceof TransportError)) return {};
  return { code: error.code, ...(error.status !== undefined && { status: error.status }) };
}

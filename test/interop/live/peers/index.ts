import type { Peer } from "../contract.ts";
import { AIOMOQT } from "./aiomoqt.ts";
import { MOQ_CLI } from "./moq-cli.ts";
import { MOQ_NET } from "./moq-net.ts";
import { MOQ_PUB } from "./moq-pub.ts";
import { MOQ_RELAY } from "./moq-relay.ts";
import { MOQ_RELAY_IETF } from "./moq-relay-ietf.ts";
import { MOQ_RS } from "./moq-rs.ts";
import { MOQ_TEST_CLIENT } from "./moq-test-client.ts";
import { MOQTAIL } from "./moqtail.ts";
import { SHAKA } from "./shaka.ts";

/** In the order of the columns. */
export const PEERS: readonly Peer[] = [
  MOQ_NET,
  MOQ_RELAY,
  MOQ_RELAY_IETF,
  MOQ_CLI,
  MOQ_RS,
  AIOMOQT,
  MOQ_TEST_CLIENT,
  MOQ_PUB,
  MOQTAIL,
  SHAKA,
];

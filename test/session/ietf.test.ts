import { describeThroughRelay } from "./suite.ts";
import { IETF_VERSIONS } from "./support.ts";

for (const version of IETF_VERSIONS) {
  describeThroughRelay(version, {
    timestamps: true,
    goaway: true,
    priorities: false,
    fetches: true,
    everything: version !== "moqt-14",
  });
}

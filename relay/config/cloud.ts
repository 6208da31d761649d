import { CLOUDS, isMetadataUrl, METADATA_URL } from "../../machine/index.ts";
import { choice, duration, flagField, optionalText } from "./fields.ts";
import { section } from "./section.ts";

export const cloudSection = section(
  "cloud",
  "What the cloud says about this machine. [Notices of the end of a machine](deploy/machine-end.md) has what each cloud announces.",
  {
    notices: choice(["off", ...CLOUDS], {
      description:
        "Cloud whose metadata service the relay asks whether this machine will end. Then it drains in time and is not ready (`machine_ending`): an interrupted spot machine, the end by an autoscaling group, maintenance that ends it.",
      default: "off",
    }),
    interval: duration({
      description: "Time between two questions. Google answers at once when something changes.",
      default: "5s",
      min: "1s",
      max: "1m",
    }),
    rebalance: flagField({
      description:
        "Drain as well when AWS recommends to replace a spot instance. Without it the relay logs that and goes on, because such an instance may run for hours.",
      default: false,
    }),
    url: optionalText({
      description:
        "Address of the metadata service: an `http:` URL with an IP address that is link-local or of this machine.",
      fallback: `\`${METADATA_URL}\``,
    }),
  },
  [
    {
      keys: ["url"],
      broken: ({ url }) =>
        url === undefined || isMetadataUrl(url)
          ? undefined
          : `\`url\` must be an \`http:\` URL with a link-local or loopback IP address, such as ${METADATA_URL}`,
    },
  ],
);

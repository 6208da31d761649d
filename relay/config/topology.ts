import { duration, flagField, integer, optionalText, size } from "./fields.ts";

/** Keys of `[cluster]` that say which relay takes a broadcast from which. */
export const topologyFields = {
  parent_region: optionalText({
    description:
      "Another region, whose regionals stand between this region and the rest of the mesh. A regional takes each broadcast from a regional of the parent region, unless the broadcast is published in its own region, so that a track crosses an ocean once for all regions with one parent. An edge without a regional of its own region or of `regions` uses one of the parent region. Set it at all regionals of the region. While no regional of the parent region can be reached, relays go to the origin.",
    fallback: "regionals take broadcasts from origins",
  }),
  hash_depth: integer({
    description:
      "First segments of a path by which broadcasts gather at one regional: with `2`, all broadcasts under `live/room1` gather at the same one, and its edges need one connection for the room. `0` hashes the whole path, which spreads the broadcasts of a room over the regionals. Set the same value at every relay of the mesh, or two regionals of a region pull the same broadcast.",
    default: 0,
    min: 0,
    max: 32,
  }),
  ramp: duration({
    description:
      "Time in which a relay that has started, or is no longer busy, gets its share of broadcasts as an upstream: few at first, all of them at the end. `0s`: all at once. Set the same value at every relay.",
    default: "30s",
    min: "0s",
    max: "1h",
  }),
  return_after: duration({
    description:
      "Time for which an origin must be back without a break before broadcasts are taken from it again, where another origin has the same content. It doubles, up to 16 times, for an origin that is lost again soon. `0s`: at once.",
    default: "10s",
    min: "0s",
    max: "1h",
  }),
  busy: integer({
    description:
      "Percentage of `[limits] sessions`, of `egress` or of the busiest thread from which on this relay is busy: other relays take from it what they take already, and nothing new while another relay can serve. `0`: it never is.",
    default: 85,
    min: 0,
    max: 100,
  }),
  redirect_busy: flagField({
    description:
      "A busy edge asks some of its new viewers to go to the other edges of its region that have room, by GOAWAY with their `public_url`. Viewers that do not go are served.",
    default: true,
  }),
  egress: size({
    description:
      "Bytes a second that this relay may send, such as `1GiB` on a network of 10 Gbit/s, for `busy`. `0B`: not known, so only sessions and CPU count.",
    default: "0B",
    min: "0B",
    max: "1TiB",
  }),
  cost: integer({
    description:
      "Added to the cost of every broadcast that is published at this relay. Relays prefer the cheaper of two origins with the same content.",
    default: 0,
    min: 0,
    max: 1_000_000,
  }),
};

import { LIVE } from "../../lab/workspace.ts";

/** A kind of storm, and its usual size. */
export interface Kind {
  readonly name: KindName;
  readonly summary: string;
  /** What `size` counts, and how many there are by default. */
  readonly unit: string;
  readonly size: number;
  /** Sessions that list broadcasts. */
  readonly watchers: number;
}

export const KIND_NAMES = ["viewers", "publishers", "lobby", "churn"] as const;
export type KindName = (typeof KIND_NAMES)[number];

export const KINDS: Readonly<Record<KindName, Kind>> = {
  viewers: {
    name: "viewers",
    summary: "viewers whose relay died arrive within the window, while the service that decides on them is slow",
    unit: "viewers",
    size: 2_000,
    watchers: 0,
  },
  publishers: {
    name: "publishers",
    summary: "publishers end their sessions and connect again, all at once",
    unit: "publishers",
    size: 1_000,
    watchers: 20,
  },
  lobby: {
    name: "lobby",
    summary: "sessions that list all broadcasts connect, all at once",
    unit: "broadcasts",
    size: 10_000,
    watchers: 100,
  },
  churn: {
    name: "churn",
    summary: "broadcasts end and begin again, beside sessions that list them",
    unit: "announcements a second",
    size: 1_000,
    watchers: 20,
  },
};

/** First part of the paths of the broadcasts that come and go; under what tokens of a mesh of the lab permit. */
export const CROWD = `${LIVE}/crowd`;

/** The broadcast of the viewers that come, and the one of those that stay. */
export const BUSY = `${LIVE}/busy`;
export const STAY = `${LIVE}/stay`;
export const TRACK = "data";

/**
 * Round trips between regions of a cloud, in milliseconds: averages between regions of AWS as "Latency Between AWS Global Regions" measured
 * them, from https://acomputerscientistlearnsaws.blogspot.com/2017/04/aws-regions.html. The regions are N. Virginia, Oregon, Ireland,
 * Frankfurt, Tokyo, Singapore and São Paulo.
 */
export const REGIONS = [
  "us-east",
  "us-west",
  "eu-west",
  "eu-central",
  "ap-northeast",
  "ap-southeast",
  "sa-east",
] as const;
export type Region = (typeof REGIONS)[number];

/** From each region to those after it in {@link REGIONS}. */
const ROUND_TRIPS: readonly (readonly number[])[] = [
  [87.0, 80.6, 88.7, 145.3, 216.7, 119.5],
  [137.0, 159.5, 89.1, 161.4, 182.7],
  [19.6, 212.4, 239.0, 191.3],
  [236.5, 325.9, 194.9],
  [73.8, 256.8],
  [328.1],
];

/** Between two relays of one region: two zones of one data centre's city. */
const WITHIN_REGION = 1;

/** The continents: a packet from one to another crosses an ocean. */
const CONTINENTS: Readonly<Record<Region, string>> = {
  "us-east": "north america",
  "us-west": "north america",
  "eu-west": "europe",
  "eu-central": "europe",
  "ap-northeast": "asia",
  "ap-southeast": "asia",
  "sa-east": "south america",
};

/** Milliseconds of the round trip between two regions. */
export function roundTripMs(a: Region, b: Region): number {
  const [first = 0, second = 0] = [REGIONS.indexOf(a), REGIONS.indexOf(b)].toSorted((x, y) => x - y);
  return first === second ? WITHIN_REGION : (ROUND_TRIPS[first]?.[second - first - 1] ?? 0);
}

/** Whether what goes from one region to the other crosses an ocean. */
export function crossesOcean(a: Region, b: Region): boolean {
  return CONTINENTS[a] !== CONTINENTS[b];
}

/** Machines of clouds, as their documentation has them. Prices are not in it: they change, and depend on contracts. */

export const CLOUDS = ["aws", "google", "azure", "none"] as const;
export type Cloud = (typeof CLOUDS)[number];

export const ARCHITECTURES = ["arm64", "x86_64"] as const;
export type Architecture = (typeof ARCHITECTURES)[number];

export const TIERS = ["root", "origin", "regional", "edge"] as const;
export type Tier = (typeof TIERS)[number];

export interface Machine {
  /** The cloud's name of it. */
  readonly size: string;
  readonly cores: number;
  readonly memoryBytes: number;
  /** Gbit/s that it may send all the time, not in bursts. */
  readonly network: number;
  /** Gbit/s that it may send to the internet and to other regions. */
  readonly internet: number;
}

/** Where the figures come from, for people who check them. */
export const SOURCES: Readonly<Record<Exclude<Cloud, "none">, readonly string[]>> = {
  aws: [
    "https://docs.aws.amazon.com/ec2/latest/instancetypes/co.html (baseline bandwidth)",
    "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-network-bandwidth.html (through an internet gateway: 5 Gbit/s, from 32 vCPUs on half of the bandwidth)",
  ],
  google: [
    "https://cloud.google.com/compute/docs/general-purpose-machines (egress bandwidth)",
    "https://cloud.google.com/compute/docs/network-bandwidth (to external addresses: 7 Gbit/s without Tier_1)",
  ],
  azure: [
    "https://learn.microsoft.com/azure/virtual-machines/sizes/overview (expected bandwidth, for all destinations)",
  ],
};

const GIB = 2 ** 30;

/** AWS lets fewer vCPUs than this send this many Gbit/s to the internet, and more vCPUs a half. */
const AWS_LARGE_CORES = 32;
const AWS_INTERNET = 5;

/** Google's limit for each machine, to addresses outside of the network, in Gbit/s. */
const GOOGLE_INTERNET = 7;

function aws(size: string, cores: number, gib: number, network: number): Machine {
  const internet = cores < AWS_LARGE_CORES ? AWS_INTERNET : Math.max(AWS_INTERNET, network / 2);
  return { size, cores, memoryBytes: gib * GIB, network, internet: Math.min(network, internet) };
}

function google(size: string, cores: number, gib: number, network: number): Machine {
  return { size, cores, memoryBytes: gib * GIB, network, internet: Math.min(network, GOOGLE_INTERNET) };
}

function azure(size: string, cores: number, gib: number, network: number): Machine {
  return { size, cores, memoryBytes: gib * GIB, network, internet: network };
}

export const MACHINES: Readonly<Record<Exclude<Cloud, "none">, readonly Machine[]>> = {
  aws: [
    aws("t4g.small", 2, 2, 0.128),
    aws("t3.small", 2, 2, 0.128),
    aws("c7g.large", 2, 4, 0.937),
    aws("c7g.xlarge", 4, 8, 1.876),
    aws("c7g.2xlarge", 8, 16, 3.75),
    aws("c7g.4xlarge", 16, 32, 7.5),
    aws("c7gn.large", 2, 4, 6.25),
    aws("c7gn.xlarge", 4, 8, 12.5),
    aws("c7gn.2xlarge", 8, 16, 25),
    aws("c7gn.4xlarge", 16, 32, 50),
    aws("c7gn.8xlarge", 32, 64, 100),
    aws("c7gn.16xlarge", 64, 128, 200),
    aws("c7i.large", 2, 4, 0.781),
    aws("c7i.xlarge", 4, 8, 1.562),
    aws("c7i.2xlarge", 8, 16, 3.125),
    aws("c7i.4xlarge", 16, 32, 6.25),
    aws("c6in.large", 2, 4, 3.125),
    aws("c6in.xlarge", 4, 8, 6.25),
    aws("c6in.2xlarge", 8, 16, 12.5),
    aws("c6in.4xlarge", 16, 32, 25),
    aws("c6in.8xlarge", 32, 64, 50),
  ],
  google: [
    google("e2-small", 2, 2, 1),
    google("t2a-standard-1", 1, 4, 10),
    google("c4a-standard-2", 2, 8, 10),
    google("c4a-standard-4", 4, 16, 23),
    google("c4a-standard-8", 8, 32, 23),
    google("c4a-standard-16", 16, 64, 23),
    google("c4a-standard-32", 32, 128, 23),
    google("c3-standard-4", 4, 16, 23),
    google("c3-standard-8", 8, 32, 23),
    google("c3-standard-22", 22, 88, 23),
  ],
  azure: [
    azure("Standard_B2pts_v2", 2, 1, 6.25),
    azure("Standard_B2ts_v2", 2, 1, 6.25),
    azure("Standard_D2ps_v6", 2, 8, 12.5),
    azure("Standard_D4ps_v6", 4, 16, 12.5),
    azure("Standard_D8ps_v6", 8, 32, 15),
    azure("Standard_D16ps_v6", 16, 64, 15),
    azure("Standard_D32ps_v6", 32, 128, 20),
    azure("Standard_D2s_v6", 2, 8, 12.5),
    azure("Standard_D4s_v6", 4, 16, 12.5),
    azure("Standard_D8s_v6", 8, 32, 12.5),
    azure("Standard_D16s_v6", 16, 64, 12.5),
    azure("Standard_D32s_v6", 32, 128, 16),
  ],
};

/** The size of each tier that modules/topology takes unless a region names another. */
export const USUAL_SIZES: Readonly<
  Record<Exclude<Cloud, "none">, Readonly<Record<Architecture, Readonly<Record<Tier, string>>>>>
> = {
  aws: {
    arm64: { root: "t4g.small", origin: "c7g.large", regional: "c7g.xlarge", edge: "c7gn.xlarge" },
    x86_64: { root: "t3.small", origin: "c7i.large", regional: "c7i.xlarge", edge: "c6in.xlarge" },
  },
  google: {
    arm64: { root: "t2a-standard-1", origin: "c4a-standard-2", regional: "c4a-standard-4", edge: "c4a-standard-4" },
    x86_64: { root: "e2-small", origin: "c3-standard-4", regional: "c3-standard-4", edge: "c3-standard-4" },
  },
  azure: {
    arm64: {
      root: "Standard_B2pts_v2",
      origin: "Standard_D2ps_v6",
      regional: "Standard_D4ps_v6",
      edge: "Standard_D4ps_v6",
    },
    x86_64: {
      root: "Standard_B2ts_v2",
      origin: "Standard_D2s_v6",
      regional: "Standard_D4s_v6",
      edge: "Standard_D4s_v6",
    },
  },
};

/** Regions that `--regions 3` means, largest audiences first: their names, the clouds' names of them, and whose viewers they serve. */
export const REGIONS: readonly {
  readonly name: string;
  readonly countries: readonly string[];
  readonly locations: Readonly<Record<Exclude<Cloud, "none">, string>>;
}[] = [
  region("eu", "continent:EU", "eu-central-1", "europe-west3", "germanywestcentral"),
  region("us", "continent:NA", "us-east-1", "us-east4", "eastus2"),
  region("asia", "continent:AS", "ap-southeast-1", "asia-southeast1", "southeastasia"),
  region("sa", "continent:SA", "sa-east-1", "southamerica-east1", "brazilsouth"),
  region("india", "IN", "ap-south-1", "asia-south1", "centralindia"),
  region("japan", "JP", "ap-northeast-1", "asia-northeast1", "japaneast"),
  region("oceania", "continent:OC", "ap-southeast-2", "australia-southeast1", "australiaeast"),
  region("africa", "continent:AF", "af-south-1", "africa-south1", "southafricanorth"),
];

function region(name: string, country: string, ...[awsName, googleName, azureName]: [string, string, string]) {
  return { name, countries: [country], locations: { aws: awsName, google: googleName, azure: azureName } };
}

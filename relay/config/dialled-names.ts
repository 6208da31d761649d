import type { Config } from "./config.ts";

/** The URL to which viewers of other relays are sent; "" for none. A listener for relays alone refuses viewers. */
export function viewersUrl({ publicUrl, url = "", listen }: Config["cluster"]): string {
  return publicUrl ?? (listen === undefined ? url : "");
}

/** The names under which clients and relays dial this relay, and the key that says so. With pinned fingerprints, names do not matter between relays. */
export function dialledNames({ cluster }: Pick<Config, "cluster">): Map<string, "cluster.url" | "cluster.public_url"> {
  const { url, publicUrl, fingerprints } = cluster;
  const names = new Map<string, "cluster.url" | "cluster.public_url">();
  const add = (key: "cluster.url" | "cluster.public_url", text: string | undefined) => {
    const name = text === undefined ? undefined : URL.parse(text)?.hostname.replace(/^\[|\]$/g, "");
    if (name !== undefined && !names.has(name)) names.set(name, key);
  };
  add("cluster.public_url", publicUrl);
  if (fingerprints.length === 0) add("cluster.url", url);
  return names;
}

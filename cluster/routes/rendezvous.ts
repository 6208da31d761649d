/**
 * Rendezvous hashing (highest random weight): every relay ranks the same nodes in the same order for a key, keys spread evenly, and
 * when a node goes, only its keys move. FNV-1a of node and key with a final mix, so the order does not depend on the runtime.
 */
export function rank(key: string, nodes: readonly string[]): string[] {
  if (nodes.length < 2) return [...nodes];
  return nodes
    .map((node) => ({ node, weight: weightOf(node, key) }))
    .sort((a, b) => b.weight - a.weight || (a.node < b.node ? -1 : 1))
    .map(({ node }) => node);
}

/** A number from 0 to below 1 for a node and a key, which says nothing of their {@link rank}. */
export function fraction(node: string, key: string): number {
  return weightOf(`${node}\0share`, key) / 2 ** 32;
}

/**
 * The part of a path that is hashed: its first `depth` segments, so that all broadcasts under them gather at one relay. 0: the whole path.
 */
export function gatheringKey(path: string, depth: number): string {
  if (depth === 0) return path;
  let end = -1;
  for (let segment = 0; segment < depth; segment++) {
    end = path.indexOf("/", end + 1);
    if (end < 0) return path;
  }
  return path.slice(0, end);
}

const OFFSET = 0x811c9dc5;
const PRIME = 0x01000193;

function weightOf(node: string, key: string): number {
  let hash = OFFSET;
  for (const text of [node, "\0", key]) {
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), PRIME);
  }
  // The finaliser of MurmurHash3: without it, keys that differ only in their last letter stay together.
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

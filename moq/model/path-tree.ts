/** Every prefix of `path` from the empty one to itself. */
export function* prefixes(path: string): Generator<string> {
  yield "";
  if (path === "") return;
  for (let at = path.indexOf("/"); at !== -1; at = path.indexOf("/", at + 1)) yield path.slice(0, at);
  yield path;
}

interface Node<T> {
  value: T | undefined;
  /** Most paths have none below them. */
  children: Map<string, Node<T>> | undefined;
}

/**
 * A map from paths to values that lists the values under a prefix without visiting the others. Prefixes are whole segments: `foo` is a
 * prefix of `foo/bar`, not of `foobar`. The empty path is a prefix of every path.
 */
export class PathTree<T> {
  readonly #root: Node<T> = { value: undefined, children: undefined };
  readonly #exact = new Map<string, T>();

  get size(): number {
    return this.#exact.size;
  }

  get(path: string): T | undefined {
    return this.#exact.get(path);
  }

  set(path: string, value: T): void {
    this.#exact.set(path, value);
    let node = this.#root;
    for (const segment of segments(path)) {
      let child = node.children?.get(segment);
      if (child === undefined) {
        child = { value: undefined, children: undefined };
        node.children ??= new Map();
        node.children.set(segment, child);
      }
      node = child;
    }
    node.value = value;
  }

  delete(path: string): boolean {
    if (!this.#exact.delete(path)) return false;
    const trail: [Node<T>, string][] = [];
    let node = this.#root;
    for (const segment of segments(path)) {
      const child = node.children?.get(segment);
      if (child === undefined) return true;
      trail.push([node, segment]);
      node = child;
    }
    node.value = undefined;
    for (let i = trail.length - 1; i >= 0; i--) {
      const [parent, segment] = trail[i] as [Node<T>, string];
      const child = parent.children?.get(segment);
      if (child === undefined || child.value !== undefined || child.children !== undefined) break;
      parent.children?.delete(segment);
      if (parent.children?.size === 0) parent.children = undefined;
    }
    return true;
  }

  values(): IterableIterator<T> {
    return this.#exact.values();
  }

  /** Values at or under `prefix`. */
  *under(prefix: string): Generator<T> {
    let node: Node<T> | undefined = this.#root;
    for (const segment of segments(prefix)) {
      node = node.children?.get(segment);
      if (node === undefined) return;
    }
    if (node.value !== undefined) yield node.value;
    if (node.children === undefined) return;
    // One iterator for each level: as many as a path has segments, however many children a node has.
    const levels = [node.children.values()];
    for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
      const { value: next, done } = level.next();
      if (done === true) {
        levels.pop();
        continue;
      }
      if (next.value !== undefined) yield next.value;
      if (next.children !== undefined) levels.push(next.children.values());
    }
  }
}

function segments(path: string): string[] {
  return path === "" ? [] : path.split("/");
}

/**
 * Checks the claims of pages: files, links, commands, flags, configuration keys, and names of the code such as error codes and metrics. A
 * claim about something that does not exist is a problem.
 */

/** What exists in the repository. */
export interface Facts {
  /** A file or folder, by its path from the repository's root. */
  exists(path: string): boolean;
  /** Anchors of the headings of a page; undefined for other files. */
  anchors(path: string): ReadonlySet<string> | undefined;
  /** Folders and files at the root, which distinguish a path from other text with slashes. */
  readonly roots: ReadonlySet<string>;
  /** Names of all files that are part of the repository, without their folders. */
  readonly fileNames: ReadonlySet<string>;
  /** Scripts of package.json. */
  readonly scripts: ReadonlySet<string>;
  /** Flags of each command of the program. */
  readonly commands: ReadonlyMap<string, ReadonlySet<string>>;
  /** Keys of each section of the configuration. */
  readonly sections: ReadonlyMap<string, ReadonlySet<string>>;
  /** Every word of the sources, and names of other programs that pages use. */
  readonly words: ReadonlySet<string>;
  /** True when the sources contain this text. */
  mentions(text: string): boolean;
}

/** A claim of a page about something that does not exist. */
export interface Problem {
  readonly line: number;
  readonly text: string;
}

/** Prefix of every metric, which the sources leave out. */
const METRIC_PREFIX = "moqmesh_";

/** Paths of our listeners; other paths are of broadcasts or of the machine. */
const OUR_TARGETS = /^\/(health|metrics|cluster|auth|access|api|certificate\.sha256)(\/|$)/;

const PLACEHOLDERS = /^(COMMAND|SECTION|KEY|FILE|NAME)$/;

/** All problems of a page; `path` is its own, from the repository's root. */
export function checkPage(path: string, text: string, facts: Facts): Problem[] {
  const problems: Problem[] = [];
  const fence = new Fence(facts);
  text.split("\n").forEach((line, index) => {
    const report = (found: readonly string[]) => {
      for (const one of found) problems.push({ line: index + 1, text: one });
    };
    if (fence.take(line)) report(fence.problems());
    else {
      for (const [, target = ""] of line.matchAll(/\]\(([^)\s]+)\)/g)) report(checkLink(path, target, facts));
      for (const [, span = ""] of line.matchAll(/`([^`]+)`/g)) report(checkSpan(span.replaceAll("\\|", "|"), facts));
    }
  });
  return problems;
}

/** Lines between two fences: commands in a shell block, keys in a TOML block. */
class Fence {
  readonly #facts: Facts;
  #language: string | undefined;
  #section: string | undefined;
  #found: string[] = [];

  constructor(facts: Facts) {
    this.#facts = facts;
  }

  /** True when the line is a fence, or is between two. */
  take(line: string): boolean {
    this.#found = [];
    const mark = /^\s*```(\w*)/.exec(line);
    if (mark !== null) {
      this.#language = this.#language === undefined ? (mark[1] ?? "") : undefined;
      this.#section = undefined;
      return true;
    }
    if (this.#language === undefined) return false;
    if (this.#language === "toml") this.#takeToml(line);
    else if (this.#language === "") this.#found = checkTree(line, this.#facts);
    else this.#found = checkShell(line, this.#facts);
    return true;
  }

  problems(): readonly string[] {
    return this.#found;
  }

  #takeToml(line: string): void {
    const header = /^\[(\w+)\]/.exec(line)?.[1];
    const key = /^(\w+)\s*=/.exec(line)?.[1];
    if (header !== undefined) {
      this.#section = header;
      this.#found = checkKey(header, undefined, this.#facts);
    } else if (key !== undefined && this.#section !== undefined) {
      this.#found = checkKey(this.#section, key, this.#facts);
    }
  }
}

/** A line for a shell: our commands, and files of the repository. */
function checkShell(line: string, facts: Facts): string[] {
  const commands = [...line.matchAll(/(?:^|[\s(])((?:npx )?moqmesh\s.*|npm run\s.*)/g)];
  const paths = line.split(/[\s"']+/).filter((word) => isPath(word, facts));
  return [
    ...commands.flatMap(([, command = ""]) => checkCommand(command, facts)),
    ...paths.flatMap((path) => checkPath(path, facts)),
  ];
}

/** A line of a folder tree, which begins with paths. */
function checkTree(line: string, facts: Facts): string[] {
  const leading = /^\S+(?: {2}\S+)*/.exec(line)?.[0].split("  ") ?? [];
  return leading.flatMap((word) => (isPath(word, facts) ? checkPath(word, facts) : []));
}

/** The target of a link: another site, a file or a heading. */
function checkLink(page: string, target: string, facts: Facts): string[] {
  if (/^[a-z]+:/.test(target)) return [];
  const [file = "", anchor] = target.split("#", 2);
  const path = file === "" ? page : resolve(page, file);
  if (!facts.exists(path)) return [`the link to ${target} leads to no file`];
  if (anchor === undefined || facts.anchors(path)?.has(anchor) !== false) return [];
  return [`the link to ${target} leads to no heading`];
}

function resolve(page: string, target: string): string {
  const parts = page.split("/").slice(0, -1);
  for (const part of target.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "." && part !== "") parts.push(part);
  }
  return parts.join("/");
}

/** A piece of code in a sentence. */
function checkSpan(span: string, facts: Facts): string[] {
  if (/^(npx )?moqmesh\s/.test(span) || span.startsWith("npm run ")) return checkCommand(span, facts);
  const key = /^\[(\w+)\](?:\s+([a-z_0-9]+))?/.exec(span);
  if (key !== null) return checkKey(key[1] ?? "", key[2], facts);
  const dotted = /^([a-z]+)\.([a-z_0-9]+)$/.exec(span);
  if (dotted !== null && facts.sections.has(dotted[1] ?? "") && !facts.fileNames.has(span)) {
    return checkKey(dotted[1] ?? "", dotted[2], facts);
  }
  if (isPath(span, facts)) return checkPath(span, facts);
  if (/^[\w.-]+\.(md|ts|rs)$/.test(span)) return facts.fileNames.has(span) ? [] : [`there is no file named ${span}`];
  const flag = /^--([a-z][a-z-]+)/.exec(span)?.[1];
  if (flag !== undefined) return isFlag(flag, facts) ? [] : [`no command has a flag --${flag}`];
  const target = /^(?:GET |POST )?(\/[a-z][\w./-]*)/.exec(span)?.[1];
  if (target !== undefined && OUR_TARGETS.test(target)) {
    return facts.mentions(target) || facts.mentions(`"${target.replace(/^\/api\/v1/, "")}"`)
      ? []
      : [`no listener answers at ${target}`];
  }
  return checkNames(span, facts);
}

/** A flag of the program or of a script; scripts name theirs in quotes or as a key. */
function isFlag(name: string, facts: Facts): boolean {
  if (facts.words.has(name)) return true;
  if ([...facts.commands.values()].some((flags) => flags.has(name))) return true;
  return facts.mentions(`"${name}"`) || facts.mentions(`--${name}`) || facts.mentions(`  ${name}: {`);
}

function isPath(span: string, facts: Facts): boolean {
  return /^[\w.@-]+\/[\w./@*{},-]*$/.test(span) && facts.roots.has(span.split("/", 1)[0] ?? "");
}

function checkPath(span: string, facts: Facts): string[] {
  // The part after a wildcard is not checked.
  const [fixed = ""] = span.split(/[*{]/, 1);
  const path = fixed === span ? span : fixed.slice(0, fixed.lastIndexOf("/") + 1);
  return facts.exists(path.replace(/\/$/, "")) ? [] : [`there is no ${span}`];
}

/** `[section] key` */
function checkKey(section: string, key: string | undefined, facts: Facts): string[] {
  const keys = facts.sections.get(section);
  if (keys === undefined) return [`the configuration has no section [${section}]`];
  return key === undefined || keys.has(key) ? [] : [`[${section}] has no key ${key}`];
}

/** A line for a shell; only our own commands are checked. */
function checkCommand(text: string, facts: Facts): string[] {
  const [line = ""] = text.replace(/^\(?\s*(npx )?/, "").split(/\s[#|>]|;/, 1);
  const words = line.trim().split(/\s+/);
  if (words[0] === "npm") {
    const script = words[2] ?? "";
    return facts.scripts.has(script) ? [] : [`package.json has no script ${script}`];
  }
  const name = words[1] ?? "";
  if (name.startsWith("-") || PLACEHOLDERS.test(name)) return [];
  const flags = facts.commands.get(name);
  if (flags === undefined) return [`moqmesh has no command ${name}`];
  return words.flatMap((word) => {
    const flag = /^--([\w.-]+)/.exec(word)?.[1];
    return flag === undefined || /[A-Z]/.test(flag) || flags.has(flag) ? [] : [`moqmesh ${name} has no flag --${flag}`];
  });
}

/** Names of the code: error codes, metrics, variables of the environment, classes and members, constants. */
function checkNames(span: string, facts: Facts): string[] {
  const bare = span.replace(/\{.*$/, "").replace(/\(.*\)$/, "");
  const isName =
    /^[a-z]+(_[a-z0-9]+)+$/.test(bare) ||
    /^[A-Z][A-Z0-9]*(_[A-Z0-9]+)+$/.test(bare) ||
    /^[A-Z][a-z]+[A-Z]\w*(\.\w+)*$/.test(bare);
  if (!isName) return [];
  return bare.split(".").flatMap((word) => {
    const plain = word.startsWith(METRIC_PREFIX) ? word.slice(METRIC_PREFIX.length) : word;
    return facts.words.has(word) || facts.words.has(plain) ? [] : [`nothing in the sources is called ${word}`];
  });
}

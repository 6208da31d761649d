/**
 * Finds the line of every key in a TOML text. The parser returns values without places. This walks the same text, which the parser
 * has accepted, just far enough to tell keys from values.
 */

/** Line (from 1) by dotted path, such as `server.port`; a table has the line of its header, and those of an `[[array]]` have their index from 0. */
export type KeyLines = ReadonlyMap<string, number>;

/** Line of `path`, or of the nearest table around it: keys inside inline tables have no line of their own. */
export function lineOf(lines: KeyLines, path: readonly string[]): number | undefined {
  for (let depth = path.length; depth > 0; depth--) {
    const line = lines.get(path.slice(0, depth).join("."));
    if (line !== undefined) return line;
  }
  return undefined;
}

export function keyLines(toml: string): KeyLines {
  const lines = new Map<string, number>();
  const scanner = new Scanner(toml);
  /** Tables so far of each `[[array]]`. */
  const counts = new Map<string, number>();
  /** The names of the table that keys are in. */
  let tables: readonly (readonly string[])[] = [[]];
  for (;;) {
    scanner.skipBlank();
    if (scanner.done) return lines;
    const line = scanner.line;
    if (scanner.eat("[")) {
      const array = scanner.eat("[");
      const table = scanner.key();
      const name = table.join(".");
      const index = counts.get(name) ?? 0;
      if (array) counts.set(name, index + 1);
      tables = array ? [table, [...table, String(index)]] : [table];
      for (const one of tables) note(lines, one, line);
      scanner.skipLine();
    } else {
      const key = scanner.key();
      for (const table of tables) note(lines, [...table, ...key], line);
      scanner.skipValue();
    }
  }
}

/** The first place of a path counts. A dotted key also makes the tables on its way. */
function note(lines: Map<string, number>, path: readonly string[], line: number): void {
  for (let depth = 1; depth <= path.length; depth++) {
    const name = path.slice(0, depth).join(".");
    if (!lines.has(name)) lines.set(name, line);
  }
}

const BARE = /[A-Za-z0-9_-]/;

class Scanner {
  readonly #text: string;
  #at = 0;
  line = 1;

  constructor(text: string) {
    this.#text = text;
  }

  get done(): boolean {
    return this.#at >= this.#text.length;
  }

  eat(token: string): boolean {
    if (!this.#text.startsWith(token, this.#at)) return false;
    for (const char of token) this.#advance(char);
    return true;
  }

  /** White space, line ends and comments. */
  skipBlank(): void {
    while (!this.done) {
      const char = this.#peek();
      if (char === "#") this.skipLine();
      else if (/\s|\uFEFF/.test(char)) this.#advance(char);
      else return;
    }
  }

  skipLine(): void {
    while (!this.done && this.#peek() !== "\n") this.#advance(this.#peek());
  }

  /** A bare, quoted or dotted key; ends before `=` or `]`. */
  key(): string[] {
    const path: string[] = [];
    do {
      this.#skipSpace();
      path.push(this.#part());
      this.#skipSpace();
    } while (this.eat("."));
    return path;
  }

  /** From `=` to the end of the value: the line's end outside of all brackets and strings. */
  skipValue(): void {
    let depth = 0;
    while (!this.done) {
      const char = this.#peek();
      if (char === '"' || char === "'") {
        this.#string();
        continue;
      }
      if (char === "#") {
        this.skipLine();
        continue;
      }
      if (char === "\n" && depth === 0) return;
      if (char === "[" || char === "{") depth++;
      if (char === "]" || char === "}") depth--;
      this.#advance(char);
    }
  }

  #part(): string {
    const start = this.#at;
    if (this.#peek() === '"' || this.#peek() === "'") {
      this.#string();
      const quoted = this.#text.slice(start, this.#at);
      return quoted.startsWith("'") ? quoted.slice(1, -1) : unescapeBasic(quoted.slice(1, -1));
    }
    while (!this.done && BARE.test(this.#peek())) this.#advance(this.#peek());
    // This is not a key, and the parser would have refused it. One step makes sure that the walk ends.
    if (this.#at === start) this.#advance(this.#peek());
    return this.#text.slice(start, this.#at);
  }

  #string(): void {
    const quote = this.#peek();
    const multi = this.#text.startsWith(quote.repeat(3), this.#at);
    const end = multi ? quote.repeat(3) : quote;
    this.eat(end);
    while (!this.done && !this.#text.startsWith(end, this.#at)) {
      const char = this.#peek();
      this.#advance(char);
      if (char === "\\" && quote === '"' && !this.done) this.#advance(this.#peek());
    }
    this.eat(end);
    // A multi-line string may end in up to two quotes of its own before the closing three.
    if (multi) while (!this.done && this.#peek() === quote) this.#advance(quote);
  }

  #skipSpace(): void {
    while (!this.done && (this.#peek() === " " || this.#peek() === "\t")) this.#advance(this.#peek());
  }

  #peek(): string {
    return this.#text[this.#at] ?? "";
  }

  #advance(char: string): void {
    if (char === "\n") this.line++;
    this.#at++;
  }
}

const SHORT_ESCAPES: Readonly<Record<string, string>> = { b: "\b", t: "\t", n: "\n", f: "\f", r: "\r", e: "\u001b" };

function unescapeBasic(text: string): string {
  return text.replace(/\\(?:u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|x[0-9A-Fa-f]{2}|.)/g, (escaped) => {
    const digits = escaped.slice(2);
    const char = escaped.slice(1, 2);
    return digits === "" ? (SHORT_ESCAPES[char] ?? char) : String.fromCodePoint(Number.parseInt(digits, 16));
  });
}

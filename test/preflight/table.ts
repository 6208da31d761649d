/** A table of configurations, each a test. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { InspectionOptions } from "../../relay/preflight/index.ts";
import { type Fixtures, findingsOf, type Seen } from "./fixtures.ts";

/** `codes`: exactly these, as `code line key`. `says` is part of a sentence. */
type Case = [what: string, toml: string, codes: string | string[], says: RegExp];

export function table(
  fixtures: Fixtures,
  kind: "problems" | "warnings",
  cases: readonly Case[],
  options: () => InspectionOptions = () => ({}),
): void {
  for (const [what, toml, codes, says] of cases) {
    test(what, async () => {
      const found = await findingsOf(fixtures, toml, options());
      const other = kind === "problems" ? found.warnings : found.problems;
      assert.deepEqual(
        found[kind].map(({ code, line, key }) => `${code} ${line} ${key}`),
        [codes].flat(),
      );
      assert.ok(kind === "problems" || other.length === 0, JSON.stringify(other));
      const texts = found[kind].map(({ text }) => text);
      assert.ok(
        texts.some((text) => says.test(text)),
        `none says ${says}: ${texts.join(" | ")}`,
      );
      for (const one of [...found.problems, ...found.warnings]) readable(one);
    });
  }
}

/** A sentence for people: whole, of a bounded length, without what programmers alone understand. */
function readable({ text }: Seen): void {
  assert.ok(text.length > 25 && text.length < 420, text);
  assert.doesNotMatch(text, /undefined|\[object|Error:|-----BEGIN|eyJ|^; /, text);
}

const CERT = '[tls]\ncert = "DIR/NAME.pem"\nkey = "DIR/NAME.key"\n';

/** The section for a pair of files. */
export const certificate = (name: string) => CERT.replaceAll("NAME", name);

/** A relay of a mesh; keys of `[cluster]` may follow. */
export const NODE = '[cluster]\nnode = "edge-1"\nallow = ["10.0.0.0/8"]\nurl = "https://relay.example:4443"\n';

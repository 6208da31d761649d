/** Names that peers choose stay text in the log. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createLogger, type LogFormat } from "../../relay/log/logger.ts";

/** It would clear a terminal, turn the text around, end the line and hide: ESC, C1, a bidirectional override, a line separator, a space of no width. */
const HOSTILE = "live/\u001b[2J\u009b31m\u202eexe\u2028\u200b\nlevel=error";
const HIDDEN = /[\p{C}\p{Zl}\p{Zp}]/u;

function written(format: LogFormat): string {
  const lines: string[] = [];
  const log = createLogger({ level: "info", format, stream: { write: (line) => void lines.push(line) } });
  log.info({ path: HOSTILE, deeper: { names: [HOSTILE] } }, `published ${HOSTILE}`);
  log.error({ err: new Error(HOSTILE) }, "failed");
  return lines.join("");
}

describe("the log", () => {
  it("as JSON has no character that a terminal obeys or hides, and means the same", () => {
    const lines = written("json").trimEnd().split("\n");
    for (const line of lines) assert.doesNotMatch(line, HIDDEN);
    assert.equal(lines.length, 2);
    const { path, deeper, msg } = JSON.parse(lines[0] ?? "");
    assert.deepEqual([path, deeper.names[0], msg], [HOSTILE, HOSTILE, `published ${HOSTILE}`]);
  });

  it("for people shows them as \\u{1b}, and the lines of a stack stay lines", () => {
    const text = written("pretty");
    for (const line of text.split("\n")) assert.doesNotMatch(line, HIDDEN);
    assert.match(text, /published live\/\\u\{1b\}\[2J\\u\{9b\}31m\\u\{202e\}exe/);
    assert.match(text, /\n +at .*hidden\.test\.ts/);
  });
});

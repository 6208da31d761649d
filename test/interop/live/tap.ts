/** Results of a peer's own tests, in the Test Anything Protocol. */
import type { Finding } from "./contract.ts";

const RESULT = /^(ok|not ok) \d+(?: -)? (.*)$/;
const MESSAGE = /^\s+(?:message|error|reason): "?(.*?)"?$/;
const SKIPPED = /\s+# SKIP\b/i;

/** One finding for each test that was not skipped, named `suite: test`. */
export function readTap(suite: string, text: string): Finding[] {
  const findings: Finding[] = [];
  let open: { check: string; failed: boolean; message: string } | undefined;
  const close = () => {
    if (open === undefined) return;
    const { check, failed, message } = open;
    findings.push(failed ? { check, failure: message === "" ? "failed without a message" : message } : { check });
    open = undefined;
  };
  for (const line of text.split("\n")) {
    const result = RESULT.exec(line);
    const message = MESSAGE.exec(line)?.[1];
    if (result !== null) {
      close();
      const [, word, name = ""] = result;
      if (!SKIPPED.test(name)) open = { check: `${suite}: ${name}`, failed: word === "not ok", message: "" };
    } else if (open !== undefined && open.message === "" && message !== undefined) open.message = message;
  }
  close();
  return findings;
}

import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { waitFor } from "../../lab/wait.ts";
import { patient } from "../../scripts/suite/patience.ts";
import { missingLinux } from "../support/engines.ts";

const OWNER = fileURLToPath(new URL("support/owner.ts", import.meta.url));
const TIMEOUT_MS = patient(30_000);

describe("relays of a mesh", { skip: await missingLinux() }, () => {
  it("end and leave no files when the process that started them is killed", { timeout: 2 * TIMEOUT_MS }, async () => {
    const owner = fork(OWNER, { execArgv: [] });
    const [{ pid, folder }] = await once(owner, "message");
    assert.ok(existsSync(`/proc/${pid}`) && existsSync(folder));
    owner.kill("SIGKILL");
    const gone = async () => (existsSync(`/proc/${pid}`) || existsSync(folder) ? undefined : true);
    assert.ok(await waitFor(TIMEOUT_MS, gone), `process ${pid} or ${folder} is still there`);
  });
});

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Engine, type EngineDeps, TransportError } from "../../moq/link.ts";
import { createEngine } from "../../transport/engines.ts";
import { systemClock } from "../../transport/shared/system-clock.ts";

const deps: EngineDeps = { clock: systemClock, warn: (message) => assert.fail(message) };

function fake(name: string): Engine {
  const unused = () => assert.fail("not called here");
  return {
    name,
    dialsAddresses: false,
    trustsRoots: false,
    clientCertificates: false,
    fanOut: unused,
    listen: unused,
    dial: unused,
  };
}
const works = (name: string) => [name, async () => fake(name)] as const;
const fails = (name: string) =>
  [
    name,
    async (): Promise<Engine> => {
      throw new TransportError("engine_unavailable", `run "npm install ${name}"`);
    },
  ] as const;

describe("the choice of an engine", () => {
  test("takes the best one that loads", async () => {
    const table = new Map([fails("a"), works("b"), works("c")]);
    assert.equal((await createEngine("auto", deps, table)).name, "b");
  });

  test("says why it skipped each better one", async () => {
    const reasons: string[] = [];
    const passedOver = (name: string, why: string) => reasons.push(`${name}: ${why}`);
    await createEngine("auto", { ...deps, passedOver }, new Map([fails("a"), works("b"), fails("c")]));
    assert.deepEqual(reasons, ['a: run "npm install a"']);
  });

  test("takes the named engine and no other", async () => {
    const table = new Map([works("a"), fails("b"), works("c")]);
    assert.equal((await createEngine("c", deps, table)).name, "c");
    await assert.rejects(createEngine("b", deps, table), {
      code: "engine_unavailable",
      message: 'the engine "b" cannot be used: run "npm install b"',
    });
  });

  test("lists the engines when the name is unknown, and gives each engine's reason when none loads", async () => {
    await assert.rejects(createEngine("x", deps, new Map([works("a"), works("b")])), /has no engine "x".*auto, a, b/);
    await assert.rejects(createEngine("auto", deps, new Map([fails("a"), fails("b")])), /a: run .*; b: run /);
  });

  test("finds an engine on this machine", async () => {
    assert.match((await createEngine("auto", deps)).name, /^(native|rwebtransport)$/);
  });
});

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type FanoutOptions, fanoutHelp, parseFanout } from "../../bench/options.ts";
import { refusedBy } from "../support/usage.ts";

function parsed(...args: string[]): FanoutOptions {
  const options = parseFanout(args);
  if (options === "help") throw new Error("not asked for help");
  return options;
}

const refused = refusedBy(parseFanout);

describe("options of the fan-out bench", () => {
  it("have defaults", () => {
    const options = parsed();
    assert.equal(options.scenario.name, "video");
    assert.equal(options.viewers, 64);
    assert.deepEqual([options.seconds, options.warmup, options.rounds], [10, 3, 1]);
    assert.deepEqual(options.pinning, { relay: [0], load: [1] });
    assert.equal(options.protocols[0], "moq-lite-06");
    assert.equal(options.json, false);
  });

  it("use the scenario's number of viewers by default", () => {
    assert.equal(parsed("--scenario", "many").viewers, 200);
    assert.equal(parsed("--scenario", "many", "--viewers=7").viewers, 7);
  });

  it("run several rounds beside another relay", () => {
    assert.equal(parsed("--against", "moq-relay").rounds, 3);
    assert.equal(parsed("--against", "moq-relay-uring").against, "moq-relay-uring");
    assert.equal(parsed("--against", "moq-relay", "--rounds", "5").rounds, 5);
    const versions = parsed("--protocol", "moqt-18", "--against", "moq-lite-05");
    assert.deepEqual([versions.protocols, versions.against], [["moqt-18"], { protocol: "moq-lite-05" }]);
  });

  it("accept threads for our own relay only", () => {
    assert.equal(parsed().threads, undefined);
    assert.equal(parsed("--threads", "2").threads, 2);
    refused(/--threads: expected a whole number from 1 to 64/, "--threads", "65");
    refused(/--threads configures our own relay/, "--threads", "2", "--url", "https://a/");
  });

  it("accept lists of cores, and `none`", () => {
    assert.deepEqual(parsed("--relay-cores", "0-1", "--load-cores", "2,3").pinning, { relay: [0, 1], load: [2, 3] });
    assert.equal(parsed("--no-pin").pinning, undefined);
    refused(/--load-cores: expected cores/, "--load-cores", "one");
  });

  it("accept the URL of a relay and how to trust it", () => {
    const hex = "ab".repeat(32);
    const options = parsed("--url", "https://relay.example:4443/", "--pid", "12", "--fingerprint", hex);
    assert.equal(options.url?.host, "relay.example:4443");
    assert.equal(options.pid, 12);
    assert.deepEqual(options.trust, { kind: "hash", sha256: hex });
    assert.deepEqual(parsed("--url", "http://localhost:1/", "--insecure").trust, { kind: "insecure" });
    assert.equal(parsed("--url", "ws://localhost:1/").url?.protocol, "ws:");
    refused(/not the URL of a relay/, "--url", "localhost");
    refused(/use only one of --fingerprint and --insecure/, "--url", "https://a/", "--insecure", "--fingerprint", hex);
    refused(/64 hexadecimal/, "--url", "https://a/", "--fingerprint", "abc");
  });

  it("are refused without --url when they need it", () => {
    refused(/--pid needs --url/, "--pid", "1");
    refused(/--insecure needs --url/, "--insecure");
    refused(/configures our own relay/, "--url", "https://a/", "--engine", "native");
  });

  it("are refused with a suggestion when their name is unknown", () => {
    refused(/unknown option --viewer; did you mean --viewers\?/, "--viewer", "3");
    refused(/unknown option --zzzzzzzz$/, "--zzzzzzzz");
    refused(/unexpected argument "video"/, "video");
  });

  it("are refused with an invalid value", () => {
    for (const bad of ["0", "-1", "1.5", "x", "1000000"]) refused(/--viewers/, `--viewers=${bad}`);
    for (const bad of ["0", "-1", "x", "99999"]) refused(/--seconds/, `--seconds=${bad}`);
    refused(/--viewers needs a value/, "--viewers");
    refused(/--viewers needs a value/, "--viewers", "--json");
    refused(/--json takes no value/, "--json=1");
    refused(/"big" is unknown; use one of video/, "--scenario", "big");
    refused(/only moq-relay or moq-relay-uring, and "other" is no protocol/, "--against", "other");
    refused(/does not support "moqt-99"/, "--protocol", "moqt-99");
    refused(/does not support "moq-lite-99"/, "--protocol", "moq-lite-05,moq-lite-99");
    refused(/must not exceed --viewers/, "--viewers", "2", "--audience-processes", "3");
  });

  it("are all in the help", () => {
    assert.equal(parseFanout(["--help"]), "help");
    assert.equal(parseFanout(["-h"]), "help");
    for (const flag of ["scenario", "viewers", "url", "against", "json", "help"]) {
      assert.match(fanoutHelp(), new RegExp(`--${flag}\\b`));
    }
  });
});

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { onSignals, SIGNAL_ECHO_MS } from "../../cli/signals.ts";

const stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

/** Records the calls, with a clock that the test turns. */
function listen(terminal: boolean) {
  const calls: string[] = [];
  const time = { now: 1_000 };
  const stop = onSignals(
    {
      terminal,
      end: (signal) => calls.push(`end ${signal}`),
      endNow: (signal, number) => calls.push(`now ${signal} ${number}`),
      reload: () => calls.push("reload"),
    },
    () => time.now,
  );
  stops.push(stop);
  return { calls, time };
}

test("the first signal drains, a later one ends at once", () => {
  const { calls, time } = listen(false);
  process.emit("SIGTERM");
  time.now += SIGNAL_ECHO_MS + 1;
  process.emit("SIGINT");
  assert.deepEqual(calls, ["end SIGTERM", "now SIGINT 2"]);
});

test("one Ctrl-C that arrives twice counts once", () => {
  const { calls, time } = listen(true);
  process.emit("SIGINT");
  time.now += SIGNAL_ECHO_MS;
  process.emit("SIGINT");
  assert.deepEqual(calls, ["end SIGINT"]);
});

test("SIGHUP reloads without a terminal, and ends the relay when its terminal is closed", () => {
  const service = listen(false);
  process.emit("SIGHUP");
  assert.deepEqual(service.calls, ["reload"]);
  const person = listen(true);
  process.emit("SIGHUP");
  assert.deepEqual(person.calls, ["end SIGHUP"]);
});

test("leaves no listener behind", () => {
  const before = process.listenerCount("SIGTERM");
  listen(false);
  stops.pop()?.();
  assert.equal(process.listenerCount("SIGTERM"), before);
});

/** Errors and log lines about a Redis that refuses a relay. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { describe, it } from "node:test";
import { dialRedis } from "../../relay/mesh/dial-redis.ts";
import { patient } from "../../scripts/suite/patience.ts";

const TIMEOUT_MS = patient(20_000);
const PASSWORD = "of-them";

/** Dials a server that answers each piece of input with `answer`. Gives the reason of the failure. */
async function refusal(answer: (socket: Socket, sent: string) => void): Promise<string> {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.on("data", (sent) => answer(socket, String(sent)));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port }: AddressInfo = Object(server.address());
  const address = { host: "127.0.0.1", port, database: 0, tls: false, user: "u", password: PASSWORD };
  const lost: string[] = [];
  try {
    const link = await dialRedis(address)({ message: () => {}, lost: (why) => lost.push(why) });
    link.close();
    return "none";
  } catch (error) {
    assert.deepEqual(lost, [], "it was never there");
    assert.ok(error instanceof Error);
    assert.equal(error.cause, undefined);
    return String(error.stack);
  } finally {
    server.close();
  }
}

describe("a Redis that refuses a relay", { timeout: TIMEOUT_MS }, () => {
  it("may quote the password, and no log line or error repeats it", async () => {
    const quoting = "'HELLO', with args beginning with: '3' 'AUTH' 'u'";
    const said = await refusal((socket) => {
      socket.write(`-ERR unknown command ${quoting} '${PASSWORD}'\r\n`);
    });
    assert.ok(said.includes(`${quoting} '[redacted]'`), said);
    assert.equal(said.includes(PASSWORD), false);
  });

  it("may close the connection, or never answer", async () => {
    assert.match(await refusal((socket) => void socket.destroy()), /Socket closed|ended|closed/i);
    assert.match(await refusal(() => {}), /no answer within \d+ ms/);
  });
});

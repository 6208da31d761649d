/** What a running relay reloads on SIGHUP and by itself, and how a start fails. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { renameSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { connect as tlsConnect } from "node:tls";
import { testCertificate } from "../support/certificate.ts";
import { missingEngine } from "../support/engines.ts";
import { programsForTests } from "./support/process.ts";

const { folder, serve } = programsForTests();

/** Fingerprint of the certificate that the TCP port shows. */
function shown(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = tlsConnect({ port, host: "127.0.0.1", servername: "localhost", rejectUnauthorized: false }, () => {
      resolve(socket.getPeerCertificate().fingerprint256);
      socket.destroy();
    });
    socket.once("error", reject);
  });
}

/** A certificate that clients know by its hash is one for both ports, and no engine but `native` changes that of QUIC. */
const keepsCertificate = missingEngine();

async function certificateFiles(name: string) {
  const cert = join(folder, `${name}.pem`);
  const key = join(folder, `${name}-key.pem`);
  const put = async () => {
    const made = await testCertificate();
    writeFileSync(`${cert}.new`, made.cert);
    writeFileSync(`${key}.new`, made.key);
    renameSync(`${cert}.new`, cert);
    renameSync(`${key}.new`, key);
  };
  await put();
  return { args: ["--cert", cert, "--key", key], put };
}

/** A relay whose certificate files were replaced; `before` is the certificate that it served until then. */
async function replaced(name: string) {
  const { args, put } = await certificateFiles(name);
  const program = serve(args);
  const { port } = await program.ready();
  const before = await shown(port);
  await put();
  return { program, port, before };
}

test("a replaced certificate is served after SIGHUP, and the log says so", {
  skip: keepsCertificate,
}, async () => {
  const { program, port, before } = await replaced("hup");
  program.kill("SIGHUP");
  await program.says(/"sections":\["\[tls\], .*"\],"msg":"files reloaded/);
  assert.notEqual(await shown(port), before);
});

test("a replaced certificate is served within seconds without a signal", {
  skip: keepsCertificate,
}, async () => {
  const { program, port, before } = await replaced("alone");
  await program.says(/"msg":"certificate replaced/);
  assert.notEqual(await shown(port), before);
});

test("a flood of SIGHUPs causes one reload a second", async () => {
  const program = serve();
  const { admin } = await program.ready();
  for (let i = 0; i < 3_000; i++) program.kill("SIGHUP");
  assert.equal((await fetch(`http://127.0.0.1:${admin}/health/live`)).status, 200);
  await delay(1_500);
  const readings = program.stdout.match(/configuration checked/g) ?? [];
  assert.ok(readings.length >= 1 && readings.length <= 3, `${readings.length} readings`);
});

test("the log level changes on SIGHUP", async () => {
  const file = join(folder, "level.toml");
  writeFileSync(file, '[log]\nlevel = "info"\n');
  const program = serve([file]);
  await program.ready();
  writeFileSync(file, '[log]\nlevel = "warn"\n');
  program.kill("SIGHUP");
  await program.says(/log\.level: .*configuration reloaded/);
  program.kill("SIGTERM");
  assert.equal(await program.ends(), 0);
  assert.doesNotMatch(program.stdout, /relay closed/);
});

test("SIGUSR2 sets the log to debug, and back", async () => {
  const program = serve([]);
  await program.ready();
  program.kill("SIGUSR2");
  await program.says(/log level is now debug/);
  program.kill("SIGUSR2");
  await program.says(/log levels are as configured again/);
});

test("a configuration that is no longer a regular file is ignored on SIGHUP", async () => {
  const file = join(folder, "pipe.toml");
  writeFileSync(file, "");
  const program = serve([file]);
  const { admin } = await program.ready();
  rmSync(file);
  execFileSync("mkfifo", [file]);
  program.kill("SIGHUP");
  await program.says(/cannot be read again: it is not a regular file.*nothing changes/);
  assert.equal((await fetch(`http://127.0.0.1:${admin}/health/live`)).status, 200);
});

test("a state folder that cannot be created fails the start at once", async () => {
  const program = serve(["--tls.state_dir", "/proc/nope/deeper"]);
  assert.equal(await program.ends(), 1);
  assert.match(
    program.stderr,
    /^moqmesh: cannot keep a certificate in \/proc\/nope\/deeper: it cannot be made \(ENOENT\); name another /,
  );
  assert.doesNotMatch(program.stdout, /"msg":"(relay ready|listening|relay closed)/);
});

/** The port of the server, which begins to listen. */
function listening(server: Server): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : 0);
    });
  });
}

test("when both ports are in use the error names the public one, and the log reports nothing as closed", async () => {
  const servers = [createServer(), createServer()];
  const [taken = 0, other = 0] = await Promise.all(servers.map(listening));
  const both = serve(["--port", String(taken), "--http.admin_port", String(other)]);
  assert.equal(await both.ends(), 1);
  assert.match(both.stderr, new RegExp(`^moqmesh: cannot listen on TCP 127.0.0.1:${taken}: it is in use`));
  const admin = serve(["--http.admin_port", String(taken)]);
  assert.equal(await admin.ends(), 1);
  assert.match(admin.stderr, new RegExp(`^moqmesh: cannot listen on the admin listener's TCP 127.0.0.1:${taken}: it`));
  assert.doesNotMatch(both.stdout + admin.stdout, /closed|listening|ready/);
  for (const server of servers) server.close();
});

import { createClient } from "@redis/client";
import { type DialRedis, type RedisLink, redisChannel, redisNewsChannel } from "../../cluster/index.ts";
import type { RedisAddress } from "../config/index.ts";

/** Milliseconds until a connection has failed: TCP, TLS, password and subscription together. */
const CONNECT_MS = 3_000;

/** A server that is too old, or no Redis, quotes the first command in its error, and that command has the password. */
function withoutPassword(message: string, password: string | undefined): string {
  return password === undefined ? message : message.replaceAll(password, "[redacted]");
}

/** Connects to a Redis or Valkey. Errors name no credential. */
export async function connectRedis(address: RedisAddress, on: Parameters<DialRedis>[0]): Promise<RedisLink> {
  const { host, port, database, tls, user, password } = address;
  const client = createClient({
    RESP: 3,
    socket: { host, port, connectTimeout: CONNECT_MS, reconnectStrategy: false, ...(tls ? { tls } : {}) },
    database,
    disableOfflineQueue: true,
    disableClientInfo: true,
    maintNotifications: "disabled",
    ...(user === undefined ? {} : { username: user }),
    ...(password === undefined ? {} : { password }),
  });
  let up = false;
  const end = (why: string) => {
    if (client.isOpen) client.destroy();
    if (up) on.lost(why);
  };
  client.on("error", (error: Error) => end(withoutPassword(error.message, password)));
  client.on("end", () => end("the connection ended"));
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`no answer within ${CONNECT_MS} ms`)), CONNECT_MS);
  try {
    const opened = async () => {
      await client.connect();
      await client.subscribe([redisChannel(database), redisNewsChannel(database)], (text) => on.message(text));
    };
    await Promise.race([opened(), late.promise]);
  } catch (error) {
    end("");
    // oxlint-disable-next-line preserve-caught-error -- the cause has the password in its text.
    throw new Error(withoutPassword(error instanceof Error ? error.message : String(error), password));
  } finally {
    clearTimeout(timer);
  }
  up = true;
  const link: RedisLink = {
    send: async (command) => await client.sendCommand([...command]),
    close: () => {
      up = false;
      if (client.isOpen) client.destroy();
    },
  };
  return link;
}

/** Address of a Redis or Valkey that roots share. */
export interface RedisAddress {
  readonly host: string;
  readonly port: number;
  readonly database: number;
  readonly tls: boolean;
  readonly user: string | undefined;
  readonly password: string | undefined;
}

const REDIS_PORT = 6379;
const SCHEMES = new Map([
  ["redis:", false],
  ["valkey:", false],
  ["rediss:", true],
  ["valkeys:", true],
]);

/** Nothing when `text` does not have the form `redis://[user:password@]host[:port][/db]`. */
export function redisAddress(text: string): RedisAddress | undefined {
  if (!URL.canParse(text)) return undefined;
  const { protocol, hostname, port, pathname, username, password, search, hash } = new URL(text);
  const tls = SCHEMES.get(protocol);
  const database = /^\/?(\d{0,5})$/.exec(pathname)?.[1];
  if (tls === undefined || hostname === "" || database === undefined || search + hash !== "") return undefined;
  try {
    return {
      host: hostname.replace(/^\[|\]$/g, ""),
      port: port === "" ? REDIS_PORT : Number(port),
      database: Number(database),
      tls,
      user: username === "" ? undefined : decodeURIComponent(username),
      password: password === "" ? undefined : decodeURIComponent(password),
    };
  } catch {
    return undefined;
  }
}

/**
 * Scripts that Redis runs atomically. A relay is a hash at `moqmesh:node:NAME` that expires with its lease. Its fields: `@started`,
 * `@info`, `@gen` and `@v` (together the version), `@partial` while more is to be written, and `p` + PATH for each broadcast.
 * `moqmesh:nodes` lists the names. `moqmesh:revocations` is a hash that has the revocations.
 */

/**
 * KEYS: hash, names. ARGV: started, info, lease, channel, generation, message, name, part, known version, fields set, field, value, ...,
 * fields removed.
 */
export const PUT = `
local key, started = KEYS[1], ARGV[1]
if redis.call('TYPE', key).ok ~= 'hash' then redis.call('DEL', key) end
local kept = tonumber(redis.call('HGET', key, '@started') or '')
if kept and kept > tonumber(started) then return false end
local gen, v = redis.call('HGET', key, '@gen'), tonumber(redis.call('HGET', key, '@v') or '')
local before = ''
if gen and v and kept then before = gen .. ':' .. string.format('%d', v)
else redis.call('DEL', key) gen = ARGV[5] redis.call('HSET', key, '@gen', gen) end
v = redis.call('HINCRBY', key, '@v', 1)
redis.call('HSET', key, '@started', started, '@info', ARGV[2])
local i, last = 11, 10 + 2 * tonumber(ARGV[10])
while i < last do redis.call('HSET', key, ARGV[i], ARGV[i + 1]) i = i + 2 end
while i <= #ARGV do redis.call('HDEL', key, ARGV[i]) i = i + 1 end
if ARGV[8] == 'more' or (before == '' and ARGV[8] ~= 'whole') then redis.call('HSET', key, '@partial', '1')
elseif ARGV[8] == 'whole' or before == ARGV[9] then redis.call('HDEL', key, '@partial') end
redis.call('PEXPIRE', key, ARGV[3])
if redis.call('TYPE', KEYS[2]).ok ~= 'set' then redis.call('DEL', KEYS[2]) end
redis.call('SADD', KEYS[2], ARGV[7])
local partial = tostring(redis.call('HEXISTS', key, '@partial'))
local after = gen .. ':' .. string.format('%d', v)
redis.call('PUBLISH', ARGV[4], '+ ' .. before .. ' ' .. after .. ' ' .. partial .. ' ' .. ARGV[6])
return {before, after, partial}
`;

/** KEYS: hash, names. ARGV: started, lease, name. */
export const RENEW = `
local key = KEYS[1]
if redis.call('TYPE', key).ok ~= 'hash' then return false end
local kept = redis.call('HMGET', key, '@started', '@gen', '@v')
if kept[1] ~= ARGV[1] or not kept[2] or not kept[3] then return false end
redis.call('PEXPIRE', key, ARGV[2])
if redis.call('TYPE', KEYS[2]).ok ~= 'set' then redis.call('DEL', KEYS[2]) end
redis.call('SADD', KEYS[2], ARGV[3])
return kept[2] .. ':' .. kept[3]
`;

/** KEYS: hash, names. ARGV: started, name, channel. */
export const REMOVE = `
local key = KEYS[1]
if redis.call('TYPE', key).ok == 'hash' then
  local kept = tonumber(redis.call('HGET', key, '@started') or '')
  if kept and kept > tonumber(ARGV[1]) then return 0 end
end
redis.call('DEL', key)
if redis.call('TYPE', KEYS[2]).ok == 'set' then redis.call('SREM', KEYS[2], ARGV[2]) end
redis.call('PUBLISH', ARGV[3], '- ' .. ARGV[2] .. ' ' .. ARGV[1])
return 1
`;

/** KEYS: hash. Returns the version and the rest of the lease; nothing where there is no relay. */
export const PEEK = `
if redis.call('TYPE', KEYS[1]).ok ~= 'hash' then return false end
local kept = redis.call('HMGET', KEYS[1], '@gen', '@v')
if not kept[1] or not kept[2] then return false end
return {kept[1] .. ':' .. kept[2], redis.call('PTTL', KEYS[1])}
`;

/** KEYS: hash. Returns the rest of the lease, and a list of fields, each followed by its value. */
export const READ = `
if redis.call('TYPE', KEYS[1]).ok ~= 'hash' then return false end
return {redis.call('PTTL', KEYS[1]), redis.call('HGETALL', KEYS[1])}
`;

/**
 * KEYS: revocations. ARGV: channel, generation, writer, paths added, path, ..., paths removed. Fields: `@gen` and `@v` (together the
 * version), and `p` + PATH for each revocation.
 */
export const REVOKE = `
local key = KEYS[1]
if redis.call('TYPE', key).ok ~= 'hash' then redis.call('DEL', key) end
redis.call('HSETNX', key, '@gen', ARGV[2])
redis.call('HINCRBY', key, '@v', 1)
local last = 4 + tonumber(ARGV[4])
for i = 5, last do redis.call('HSET', key, 'p' .. ARGV[i], '1') end
for i = last + 1, #ARGV do redis.call('HDEL', key, 'p' .. ARGV[i]) end
redis.call('PUBLISH', ARGV[1], '! ' .. ARGV[3])
return 1
`;

/** KEYS: revocations. ARGV: known version. Returns the version and the fields; nothing while the version is the known one. */
export const REVOKED = `
if redis.call('TYPE', KEYS[1]).ok ~= 'hash' then return false end
local kept = redis.call('HMGET', KEYS[1], '@gen', '@v')
if not kept[1] or not kept[2] then return false end
local version = kept[1] .. ':' .. kept[2]
if version == ARGV[1] then return false end
return {version, redis.call('HKEYS', KEYS[1])}
`;

/** KEYS: names. */
export const NAMES = `
if redis.call('TYPE', KEYS[1]).ok ~= 'set' then return {} end
return redis.call('SMEMBERS', KEYS[1])
`;

/** KEYS: instance. ARGV: the instance to set where there is none. */
export const INSTANCE = `
redis.call('SET', KEYS[1], ARGV[1], 'NX')
if redis.call('TYPE', KEYS[1]).ok ~= 'string' then redis.call('SET', KEYS[1], ARGV[1]) end
return redis.call('GET', KEYS[1])
`;

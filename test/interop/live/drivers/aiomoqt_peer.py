"""A publisher or viewer of aiomoqt. The first argument is one JSON object; each line of the output is one as well.

Order: role ("publish" or "watch"), url, draft, namespace, track; for publishers how ("announce" or "publish"), mapping ("per_group",
"per_object" or "datagram"). Runs until standard input ends.
"""

import asyncio
import hashlib
import json
import sys

from aiomoqt.client import MOQTClient
from aiomoqt.delivery import StreamMapping
from aiomoqt.track import PublishedTrack
from aiomoqt.types import FilterType
from aiomoqt.utils.url import parse_relay_url

GROUPS_PER_SECOND = 8
OBJECTS_PER_GROUP = 5

# Properties of LOC: the timestamp (even: a number), and one with bytes (odd).
TIMESTAMP = 0x10
EXTRA = 0x3C0F


def say(**line):
    print(json.dumps(line), flush=True)


def properties_of(extensions):
    """As text that does not depend on their order."""
    plain = {str(key): value.hex() if isinstance(value, (bytes, bytearray, memoryview)) else value for key, value in dict(extensions or {}).items()}
    return json.dumps(plain, sort_keys=True)


def seen(group, subgroup, number, payload, extensions):
    payload = bytes(payload or b"")
    say(
        event="object",
        group=group,
        subgroup=subgroup,
        object=number,
        size=len(payload),
        sha256=hashlib.sha256(payload).hexdigest(),
        properties=properties_of(extensions),
    )


# The subgroup of an object: datagrams have none.
SUBGROUPS = {
    StreamMapping.PER_GROUP: lambda number: 0,
    StreamMapping.PER_OBJECT: lambda number: number,
    StreamMapping.DATAGRAM: lambda number: None,
}


class Track(PublishedTrack):
    async def produce(self, out):
        group = 0
        while True:
            for number in range(OBJECTS_PER_GROUP):
                size = 200 if self.mapping is StreamMapping.DATAGRAM else 40 + 3000 * number
                payload = (f"group {group} object {number}." + "x" * size).encode()
                extensions = {TIMESTAMP: group * 1_000_000 + number * 1000, EXTRA: b"extra %d" % number}
                subgroup = SUBGROUPS[self.mapping](number)
                seen(group, subgroup, number, payload, extensions)
                await out.write(group, number, payload, group_start=number == 0, extensions=extensions)
            out.end_group()
            group += 1
            await asyncio.sleep(1 / GROUPS_PER_SECOND)


async def publish(session, order):
    track = Track(session, order["namespace"], order["track"], fetch_history_bytes=1 << 20)
    track.mapping = StreamMapping[order["mapping"].upper()]
    announce = order["how"] == "announce"
    await track.publish(announce_namespace=announce, publish_track=not announce)
    say(event="ready")


async def watch(session, order):
    def on_object(message, size, _time, group_id=None, subgroup_id=None):
        if getattr(message, "status", 0):
            say(event="status", group=group_id, status=int(message.status))
            return
        seen(group_id, subgroup_id, message.object_id, message.payload, getattr(message, "extensions", None))

    def on_done(message):
        say(event="done", code=getattr(message, "status_code", None), reason=str(getattr(message, "reason", "")))

    await session.subscribe(
        namespace=order["namespace"],
        track_name=order["track"],
        filter_type=FilterType.NEXT_GROUP_START if order.get("next") else FilterType.LATEST_OBJECT,
        on_object=on_object,
        on_done=on_done,
        wait_response=True,
    )
    say(event="ready")


async def ended():
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.buffer.read)


async def main(order):
    where = parse_relay_url(order["url"])
    client = MOQTClient(
        where.host, where.port, path=where.path or "", use_quic=where.use_quic, verify_tls=False, supported_drafts=order["draft"]
    )
    async with client.connect() as session:
        await session.client_session_init()
        say(event="connected", version=f"moqt-{order['draft']}")
        await (publish if order["role"] == "publish" else watch)(session, order)
        await ended()


try:
    asyncio.run(main(json.loads(sys.argv[1])))
except Exception as error:
    say(event="failed", message=f"{type(error).__name__}: {error}")
    sys.exit(1)

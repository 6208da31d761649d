"""A publisher or viewer of moq-rs (`import moq`). The first argument is one JSON object; each line of the output is one as well.

Order: role ("publish" or "watch"), url, path, track. Runs until standard input ends.
"""

import asyncio
import hashlib
import json
import sys

import moq

GROUP_SECONDS = 0.125
OBJECTS_PER_GROUP = 5


def say(**line):
    print(json.dumps(line), flush=True)


def seen(group, number, payload):
    say(event="object", group=group, object=number, size=len(payload), sha256=hashlib.sha256(payload).hexdigest())


async def publish(client, order):
    broadcast = client.create_broadcast(order["path"])
    track = broadcast.publish_track(order["track"])
    broadcast.announce()
    say(event="ready")
    await track.used()
    number = 0
    while True:
        group = track.append_group()
        for frame in range(OBJECTS_PER_GROUP):
            payload = (f"group {number} object {frame}." + "x" * (40 + 3000 * frame)).encode()
            seen(group.sequence, frame, payload)
            group.write_frame(payload, number * 125_000 + frame * 1000)
        group.finish()
        number += 1
        await asyncio.sleep(GROUP_SECONDS)


async def watch(client, order):
    broadcast = await client.announced_broadcast(order["path"])
    track = await broadcast.subscribe_track(order["track"], moq.Subscription(max_age_us=10_000_000))
    say(event="ready")
    async for group in track:
        number = 0
        async for frame in group:
            seen(group.sequence, number, frame.payload)
            number += 1


async def main(order):
    async with moq.connect(order["url"], tls_verify=False, websocket_enabled=False, reconnect=False) as client:
        say(event="connected")
        work = asyncio.create_task((publish if order["role"] == "publish" else watch)(client, order))
        ended = asyncio.get_running_loop().run_in_executor(None, sys.stdin.buffer.read)
        done, _ = await asyncio.wait([work, ended], return_when=asyncio.FIRST_COMPLETED)
        if work in done:
            work.result()
            raise RuntimeError("the track ended")
        work.cancel()


try:
    asyncio.run(main(json.loads(sys.argv[1])))
except Exception as error:
    say(event="failed", message=f"{type(error).__name__}: {error}")
    sys.exit(1)

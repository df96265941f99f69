"""A proxy on the loopback interface that delivers what clients send later: ``python proxy.py PORT SECONDS``.

It prints its own port. Bytes are delayed and not held up: many requests are under way at once, as on a long line.
"""

import asyncio
import sys
from contextlib import suppress

CHUNK = 1 << 16


async def delayed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float) -> None:
    """Pass everything on, each piece so many seconds after it came, to the end."""
    loop = asyncio.get_running_loop()
    under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def deliver() -> None:
        while (piece := await under_way.get())[1]:
            if (left := piece[0] - loop.time()) > 0:
                await asyncio.sleep(left)
            writer.write(piece[1])
            await writer.drain()

    delivery = asyncio.create_task(deliver())
    piece = b""
    with suppress(OSError):
        while piece := await reader.read(CHUNK):
            under_way.put_nowait((loop.time() + seconds, piece))
    under_way.put_nowait((0, b""))
    with suppress(OSError):
        await delivery
    writer.close()


async def serve(port: int, seconds: float) -> None:
    """Pass connections on to a port, until the process is ended."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(delayed(reader, back, seconds), delayed(there, writer, 0))

    server = await asyncio.start_server(connected, "127.0.0.1", 0, backlog=1_000)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), float(sys.argv[2])))

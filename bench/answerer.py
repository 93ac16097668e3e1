"""A fixed local answerer: it says yes to every send, as fast as a Python server can (not the simulator).

`python -m bench.answerer PORT` serves; a GET of /count tells how many sends it has answered.
"""

import asyncio
import sys
from typing import cast

import httptools
import uvloop

TOKEN = b'{"access_token":"bench","expires_in":7200}'
ACCEPTED = b'{"errcode":0,"errmsg":"ok","msgid":1}'


def reply(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)


ACCEPTED_REPLY = reply(ACCEPTED)
TOKEN_REPLY = reply(TOKEN)
answered = 0


class Answerer(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self.url = url

    def on_message_complete(self) -> None:
        global answered
        if b"/send" in self.url:
            answered += 1
            self.transport.write(ACCEPTED_REPLY)
        elif b"/count" in self.url:
            self.transport.write(reply(b"%d" % answered))
        else:
            self.transport.write(TOKEN_REPLY)


async def main(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Answerer, "127.0.0.1", port, backlog=2048)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))

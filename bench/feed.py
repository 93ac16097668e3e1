"""The till: posts N purchases in batches to the open API. `python -m bench.feed URL KEY N MEMBERS BATCH ROUND`."""

import asyncio
import sys

import msgspec
import uvloop
from pyreqwest.client import ClientBuilder

AT_ONCE = 4


async def main(base: str, key: str, count: int, people: int, batch: int, tag: str) -> None:
    client = ClientBuilder().build()
    starts = iter(range(0, count, batch))

    async def post() -> None:
        for start in starts:
            rows = [
                {"store": "S01", "till_no": f"{tag}-{n}", "card_no": f"6{n % people:09d}", "total_fen": 2500}
                for n in range(start, min(start + batch, count))
            ]
            request = client.post(f"{base}/api/v1/purchases/batch").header("authorization", f"Bearer {key}")
            answer = await request.body_bytes(msgspec.json.encode({"purchases": rows})).build().send()
            body = msgspec.json.decode(bytes(await answer.bytes()))
            assert answer.status == 200, body
            assert all(row["status"] == "recorded" for row in body["results"]), body

    await asyncio.gather(*(post() for _ in range(AT_ONCE)))


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5]), sys.argv[6]))

"""The bare HTTP client: the same sends as the pipeline's, nothing else. `python -m bench.bare URL N` prints seconds."""

import asyncio
import sys
import time

import uvloop

from huida.kernel.http import Outgoing
from huida.providers.wechat.mini_program import subscribe_body

AT_ONCE = 128


async def main(base: str, count: int) -> None:
    outgoing = Outgoing()
    url = f"{base}/cgi-bin/message/subscribe/send?access_token=bench"
    data = {
        "character_string4": "6088000001",
        "thing1": "林小满",
        "time3": "2026年11月21日 14:32",
        "amount2": "25.00元",
        "thing5": "如非本人操作请联系门店",
    }
    body = subscribe_body("o" * 28, "t" * 43, data, page="pages/receipt/index?id=" + "0" * 32)
    left = iter(range(count))

    async def send() -> None:
        for _ in left:
            answer = await outgoing.post(url, body)
            assert answer.status == 200

    started = time.perf_counter()
    await asyncio.gather(*(send() for _ in range(AT_ONCE)))
    print(time.perf_counter() - started)
    await outgoing.aclose()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], int(sys.argv[2])))

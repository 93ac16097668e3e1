"""Names, phones and cards of the sample members: the same in every run."""

from dataclasses import dataclass
from datetime import date
from random import Random

SURNAMES = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董潘袁蔡蒋余于杜叶程魏苏吕丁任沈姚卢"
FIRST = "雨思子嘉晓文佳欣梓若静诗芷一宇俊浩明志建国海春秋小书云清安知怀景"
SECOND = "轩涵怡琪妍彤萱瑶宁悦然彬杰豪博鑫磊强军平芳敏丽娟霞燕玲桂秀兰英华辉航"


@dataclass(frozen=True, slots=True)
class Person:
    name: str
    phone: str
    card_no: str
    birthday: date | None


KNOWN = (("林小满", "13800000001"), ("陈一鸣", "13800000002"), ("王思远", "13800000003"))
"""The simulator's persons: the phones that messages are seen on."""


def people(count: int, random: Random) -> list[Person]:
    """The first three are the simulator's persons; phones and cards are counted, so nobody shares one."""
    found = []
    for number in range(1, count + 1):
        if number <= len(KNOWN):
            name, phone = KNOWN[number - 1]
        else:
            name = (
                random.choice(SURNAMES)
                + random.choice(FIRST)
                + (random.choice(SECOND) if random.random() < 0.8 else "")
            )
            phone = f"138{number:08d}"
        birthday = date(random.randint(1962, 2006), random.randint(1, 12), random.randint(1, 28))
        found.append(Person(name, phone, f"{6088000000 + number}", birthday if random.random() < 0.7 else None))
    return found

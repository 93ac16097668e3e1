"""wesim's own crypto against the published vectors (reference §7)."""

import json

import pytest

from wesim import crypto
from wesim.wire import parse_xml


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (("weixin", "1357982061", "1358161344"), "335b26997f05c82243aad6b10a2d1853637e71a8"),
        (("huhujm", "1359208540", "1359227084"), "efa917e2445cc9f0aa4386ca92f96de5a242e24e"),
        (("test", "1410685589", "test"), "f21891de399b4e33a1a93c9a7b8a8fffb5a443ff"),
        (("123", "345"), "9f537aeb751ec72605f57f94a2f6dc3e3958e1dd"),
        (("789", "456", "123"), "f7c3bc1d808e04732adf679965ccc34ca7ae3441"),
    ],
)
def test_url_verification_signature(parts, expected):
    assert crypto.signature(*parts) == expected


KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
APPID = "wxb11529c136998cb6"
SECRET = "jn1L23DB+6ELqJ+6bruv21Y6MD7KeIfP82D6gU39rmkgczbWwt5+3bnyg5K55bgVtVzd832WzZGMhkP72vVOfg=="


def test_message_encryption_is_deterministic_with_a_fixed_prefix():
    made = crypto.encrypt_message("我是中文abcd123", aes_key=KEY, receive_id=APPID, prefix=b"aaaabbbbccccdddd")
    assert made == SECRET
    assert crypto.signature("pamtest", "1409304348", "xxxxxx", made) == "82c962d39941aa48552f90ef55aa323dc620cc10"
    assert crypto.decrypt_message(made, aes_key=KEY, receive_id=APPID) == "我是中文abcd123"


def test_message_for_another_receiver_is_refused():
    with pytest.raises(crypto.CryptoError):
        crypto.decrypt_message(SECRET, aes_key=KEY, receive_id="wx0000000000000000")


WORK = (
    "RypEvHKD8QQKFhvQ6QleEB4J58tiPdvo+rtK1I9qca6aM/wvqnLSV5zEPeusUiX5L5X/0lWfrf0QADHHhGd3QczcdCUpj911L3vg3W/sYYvuJTs3TU"
    "UkSUXxaccAS0qhxchrRYt66wiSpGLYL42aM6A8dTT+6k4aSknmPj48kzJs8qLjvd4Xgpue06DOdnLxAUHzM6+kDZ+HMZfJYuR+LtwGc2hgf5gsijff0ekU"
    "NXZiqATP7PF5mZxZ3Izoun1s4zG4LUMnvw2r+KqCKIw+3IQH03v+BCA9nMELNqbSf6tiWSrXJB3LAVGUcallcrw8V2t9EL4EhzJWrQUax5wLVMNS0+rUPA"
    "3k22Ncx4XXZS9o0MBH27Bo6BpNelZpS+/uh9KsNlY6bHCmJU9p8g7m3fVKn28H3KDYA5Pl/T8Z1ptDAVe0lXdQ2YoyyH2uyPIGHBZZIs2pDBS8R07+qN+E"
    "7Q=="
)


def test_decryption_of_a_published_verification_event():
    signed = crypto.signature("QDG6eK", "1409659813", "1372623149", WORK)
    assert signed == "477715d11cdb4164915debcba66cb864d751f3e6"
    text = crypto.decrypt_message(
        WORK, aes_key="jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C", receive_id="wx5823bf96d3bd56c7"
    )
    assert parse_xml(text) == {
        "ToUserName": "wx5823bf96d3bd56c7",
        "FromUserName": "mycreate",
        "CreateTime": "1409659813",
        "MsgType": "text",
        "Content": "hello",
        "MsgId": "4561255354251345929",
        "AgentID": "218",
    }


EASY = (
    "rTNFcsut4LfGuAFKEUVVpwcaCOTJzOd9twZdIW910jb3k+iicx2uvhttIZ3Qg9Qgty3BEF2xbOrz6boTfb30dMomcgrkTqdFPwnhqbk+kIQ7rZiwny9D7N"
    "UrTgA5kpX3KsZvrXzUZyP2x9YOlxbgm572lmxKvM7HAQQhIQ/p6HBmoY30bGXFK0BtIu1pW9TjhOYrLQoU18nWYjWqDA1ynkmOytpv7QRI1P1+0NoxL0q2"
    "zO1DgeSvnE8CZGo/o5Ap/WHK5W2RAsinpzN4/LjPnmB6U01I5XCoJoC0GK/yMZycd2Oh8Nq6+wBkC1U85oy0ktOY4nLvsQMLrourmMGdZHuTbqpeJ8Ao/5"
    "PRYJ+WBvRUwPfGKBL2+2IKZF49vAJqkcGWSHGE76ZN2erXeuNazf/o9o3lIE3q739o4c8t9QGPe31GT2Go/rOz1BsrASwvauNulCh+++yz+CQzBIuikA=="
)


def test_decryption_of_a_published_text_message():
    assert crypto.signature("pamtest", "1458300676", "260774613", EASY) == "4f3ad57b6989f09f4eb392acce4f9e93942ed890"
    fields = parse_xml(crypto.decrypt_message(EASY, aes_key=KEY, receive_id=APPID))
    assert fields is not None
    assert {k: fields[k] for k in ("ToUserName", "FromUserName", "CreateTime", "Content", "MsgId")} == {
        "ToUserName": "asdasdasd",
        "FromUserName": "asdasdasdsadasd",
        "CreateTime": "1234567898",
        "Content": "hello",
        "MsgId": "12345",
    }


DATA = (
    "CiyLU1Aw2KjvrjMdj8YKliAjtP4gsMZMQmRzooG2xrDcvSnxIMXFufNstNGTyaGS9uT5geRa0W4oTOb1WT7fJlAC+oNPdbB+3hVbJSRgv+4lGOETKUQz6O"
    "YStslQ142dNCuabNPGBzlooOmB231qMM85d2/fV6ChevvXvQP8Hkue1poOFtnEtpyxVLW1zAo6/1Xx1COxFvrc2d7UL/lmHInNlxuacJXwu0fjpXfz/YqY"
    "zBIBzD6WUfTIF9GRHpOn/Hz7saL8xz+W//FRAUid1OksQaQx4CMs8LOddcQhULW4ucetDf96JcR3g0gfRK4PC7E/r7Z6xNrXd2UIeorGj5Ef7b1pJAYB6Y"
    "5anaHqZ9J6nKEBvB4DnNLIVWSgARns/8wR2SiRS7MNACwTyrGvt9ts8p12PKFdlqYTopNHR1Vf7XjfhQlVsAJdNiKdYmYVoKlaRv85IfVunYzO0IKXsyl7"
    "JCUjCpoG20f0a04COwfneQAGGwd5oa+T8yO5hzuyDb/XcxxmK01EpqOyuxINew=="
)


def test_encrypted_data_of_a_mini_program():
    key, iv = "tiihtNczf5v6AKRyjwEUhQ==", "r7BXXKkLb8qrSNn05n0qiA=="
    text = crypto.decrypt_data(DATA, session_key=key, iv=iv)
    found = json.loads(text)
    assert (found["openId"], found["nickName"], found["unionId"]) == (
        "oGZUI0egBJY1zhBYw2KhdUfwVJJE",
        "Band",
        "ocMvos6NjeKLIBqg5Mr9QjxrP1FA",
    )
    assert found["watermark"] == {"timestamp": 1477314187, "appid": "wx4f4bc4dec97d474b"}
    assert crypto.encrypt_data(text, session_key=key, iv=iv) == DATA


def test_raw_data_signature():
    raw = (
        '{"nickName":"Band","gender":1,"language":"zh_CN","city":"Guangzhou","province":"Guangdong","country":"CN",'
        '"avatarUrl":"http://wx.qlogo.cn/mmopen/vi_32/1vZvI39NWFQ9XM4LtQpFrQJ1xlgZxx3w7bQxKARol6503Iuswjjn6nIGBiaycAjAtpujxyzYs'
        'rztuuICqIM5ibXQ/0"}'
    )
    assert crypto.raw_data_signature(raw, "HyVFkGl5F5OQWJZZaNzBBg==") == "75e81ceda165f4ffa64f4068af58c64b8f54b88c"


def test_jssdk_signature_ignores_the_fragment():
    ticket = "sM4AOVdWfPE4DxkXGEs8VMCPGGVi4C3VM0P37wVUCFvkVAy_90u5h9nbSlYy3-Sl-HhTdfl2fzFy1AOcHKP7qg"
    for url in ("http://mp.weixin.qq.com?params=value", "http://mp.weixin.qq.com?params=value#top"):
        signed = crypto.jssdk_signature(ticket=ticket, nonce="Wm3WZYTPz0wzccnW", timestamp="1414587457", url=url)
        assert signed == "0f9de62fce790f9a083d5c99e95740ceb90c27ed"


def test_damaged_text_is_refused():
    with pytest.raises(crypto.CryptoError):
        crypto.decrypt_message("AAAA", aes_key=KEY, receive_id=APPID)
    with pytest.raises(crypto.CryptoError):
        crypto.decrypt_message(SECRET, aes_key="short", receive_id=APPID)

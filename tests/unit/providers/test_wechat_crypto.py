"""Published vectors of WeChat's signatures and encryption (reference: wechat-platform §7)."""

import json

import pytest

from huida.providers.wechat.crypto import (
    Undecipherable,
    decrypt_data,
    decrypt_message,
    encrypt_message,
    jssdk_signature,
    raw_data_signature,
    sorted_sha1,
)

AES_KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
APP_ID = "wxb11529c136998cb6"


@pytest.mark.parametrize(
    ("values", "digest"),
    [
        (("weixin", "1357982061", "1358161344"), "335b26997f05c82243aad6b10a2d1853637e71a8"),
        (("huhujm", "1359208540", "1359227084"), "efa917e2445cc9f0aa4386ca92f96de5a242e24e"),
        (("test", "1410685589", "test"), "f21891de399b4e33a1a93c9a7b8a8fffb5a443ff"),
        (("123", "345"), "9f537aeb751ec72605f57f94a2f6dc3e3958e1dd"),
        (("789", "456", "123"), "f7c3bc1d808e04732adf679965ccc34ca7ae3441"),
    ],
)
def test_sorted_sha1(values: tuple[str, ...], digest: str) -> None:
    assert sorted_sha1(values) == digest


def test_message_encryption() -> None:
    encrypted = encrypt_message(
        "我是中文abcd123".encode(), aes_key=AES_KEY, receive_id=APP_ID, prefix=b"aaaabbbbccccdddd"
    )
    assert encrypted == "jn1L23DB+6ELqJ+6bruv21Y6MD7KeIfP82D6gU39rmkgczbWwt5+3bnyg5K55bgVtVzd832WzZGMhkP72vVOfg=="
    assert sorted_sha1(("pamtest", "1409304348", "xxxxxx", encrypted)) == "82c962d39941aa48552f90ef55aa323dc620cc10"
    assert decrypt_message(encrypted, aes_key=AES_KEY, receive_id=APP_ID).decode() == "我是中文abcd123"


@pytest.mark.parametrize("size", [0, 1, 11, 12, 13, 500])
def test_message_encryption_round_trip_at_block_edges(size: int) -> None:
    encrypted = encrypt_message(b"x" * size, aes_key=AES_KEY, receive_id="a", prefix=bytes(16))
    assert decrypt_message(encrypted, aes_key=AES_KEY, receive_id="a") == b"x" * size


@pytest.mark.parametrize(
    ("encrypted", "aes_key", "receive_id"),
    [
        (
            "jn1L23DB+6ELqJ+6bruv21Y6MD7KeIfP82D6gU39rmkgczbWwt5+3bnyg5K55bgVtVzd832WzZGMhkP72vVOfg==",
            AES_KEY,
            "wxOther",
        ),
        ("jn1L23DB+6ELqJ+6bruv21Y6MD7KeIfP82D6gU39rmk=", AES_KEY, APP_ID),
        ("jn1L", AES_KEY, APP_ID),
        ("", AES_KEY, APP_ID),
        ("jn1L23DB+6ELqJ+6bruv21Y6MD7KeIfP82D6gU39rmk=", "short", APP_ID),
    ],
)
def test_what_is_not_ours_does_not_open(encrypted: str, aes_key: str, receive_id: str) -> None:
    with pytest.raises(Undecipherable):
        decrypt_message(encrypted, aes_key=aes_key, receive_id=receive_id)


DATA = (
    "CiyLU1Aw2KjvrjMdj8YKliAjtP4gsMZMQmRzooG2xrDcvSnxIMXFufNstNGTyaGS9uT5geRa0W4oTOb1WT7fJlAC+oNPdbB+3hVbJSRgv+4lGOETKUQz6"
    "OYStslQ142dNCuabNPGBzlooOmB231qMM85d2/fV6ChevvXvQP8Hkue1poOFtnEtpyxVLW1zAo6/1Xx1COxFvrc2d7UL/lmHInNlxuacJXwu0fjpXfz/"
    "YqYzBIBzD6WUfTIF9GRHpOn/Hz7saL8xz+W//FRAUid1OksQaQx4CMs8LOddcQhULW4ucetDf96JcR3g0gfRK4PC7E/r7Z6xNrXd2UIeorGj5Ef7b1pJA"
    "YB6Y5anaHqZ9J6nKEBvB4DnNLIVWSgARns/8wR2SiRS7MNACwTyrGvt9ts8p12PKFdlqYTopNHR1Vf7XjfhQlVsAJdNiKdYmYVoKlaRv85IfVunYzO0IK"
    "Xsyl7JCUjCpoG20f0a04COwfneQAGGwd5oa+T8yO5hzuyDb/XcxxmK01EpqOyuxINew=="
)


def test_mini_program_data() -> None:
    opened = decrypt_data(
        DATA, session_key="tiihtNczf5v6AKRyjwEUhQ==", iv="r7BXXKkLb8qrSNn05n0qiA==", app_id="wx4f4bc4dec97d474b"
    )
    told = json.loads(opened)
    assert (told["openId"], told["nickName"], told["unionId"], told["watermark"]["timestamp"]) == (
        "oGZUI0egBJY1zhBYw2KhdUfwVJJE",
        "Band",
        "ocMvos6NjeKLIBqg5Mr9QjxrP1FA",
        1477314187,
    )


def test_mini_program_data_of_another_app_is_refused() -> None:
    with pytest.raises(Undecipherable, match="watermark"):
        decrypt_data(DATA, session_key="tiihtNczf5v6AKRyjwEUhQ==", iv="r7BXXKkLb8qrSNn05n0qiA==", app_id="wxOther")


def test_raw_data_signature() -> None:
    raw = (
        '{"nickName":"Band","gender":1,"language":"zh_CN","city":"Guangzhou","province":"Guangdong","country":"CN",'
        '"avatarUrl":"http://wx.qlogo.cn/mmopen/vi_32/1vZvI39NWFQ9XM4LtQpFrQJ1xlgZxx3w7bQxKARol6503Iuswjjn6nIGBia'
        'ycAjAtpujxyzYsrztuuICqIM5ibXQ/0"}'
    )
    assert raw_data_signature(raw, "HyVFkGl5F5OQWJZZaNzBBg==") == "75e81ceda165f4ffa64f4068af58c64b8f54b88c"


def test_jssdk_signature_leaves_the_fragment_out() -> None:
    signature = jssdk_signature(
        ticket="sM4AOVdWfPE4DxkXGEs8VMCPGGVi4C3VM0P37wVUCFvkVAy_90u5h9nbSlYy3-Sl-HhTdfl2fzFy1AOcHKP7qg",
        nonce="Wm3WZYTPz0wzccnW",
        timestamp=1414587457,
        url="http://mp.weixin.qq.com?params=value#top",
    )
    assert signature == "0f9de62fce790f9a083d5c99e95740ceb90c27ed"

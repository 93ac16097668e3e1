"""Media: uploads give ids that work, other ids do not (I-13)."""

import pytest

from wesim import acts, seed

PNG, JPEG, GIF = b"\x89PNG\r\n\x1a\n" + bytes(92), b"\xff\xd8\xff\xe0" + bytes(96), b"GIF89a" + bytes(94)
AMR, MP3, MP4 = b"#!AMR\n" + bytes(94), b"ID3\x03" + bytes(96), bytes(4) + b"ftypisom" + bytes(88)
WHO = {"person": "linxiaoman", "app": seed.OA_APPID}


async def sent(sim, path, content, *, name="a.bin", field="media", app=None, token=None, **query):
    """One multipart upload."""
    token = token or await sim.token(app or sim.oa)
    head = f'--b\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n\r\n'
    body = head.encode() + content + b"\r\n--b--\r\n"
    asked = "&".join(f"{k}={v}" for k, v in {"access_token": token, **query}.items())
    answer = await sim.call(
        "POST", f"/api.weixin.qq.com{path}?{asked}", body, content_type="multipart/form-data; boundary=b"
    )
    return answer.json()


async def uploaded(sim, kind, content, app=None):
    answer = await sent(sim, "/cgi-bin/media/upload", content, type=kind, app=app)
    return answer["thumb_media_id" if kind == "thumb" else "media_id"]


@pytest.mark.parametrize(
    ("kind", "content", "name", "mime"),
    [
        ("image", PNG, "media_id", "image/png"),
        ("image", JPEG, "media_id", "image/jpeg"),
        ("image", GIF, "media_id", "image/gif"),
        ("voice", AMR, "media_id", "audio/amr"),
        ("voice", MP3, "media_id", "audio/mp3"),
        ("thumb", JPEG, "thumb_media_id", "image/jpeg"),
    ],
)
async def test_what_goes_up_comes_down(sim, kind, content, name, mime):
    sim.world.clock.freeze()
    made = await sent(sim, "/cgi-bin/media/upload", content, type=kind)
    assert (made["type"], made["created_at"], set(made)) == (
        kind,
        sim.world.clock.now_s(),
        {"type", name, "created_at"},
    )
    target = f"/api.weixin.qq.com/cgi-bin/media/get?access_token={await sim.token(sim.oa)}&media_id={made[name]}"
    got = await sim.call("GET", target)
    assert (got.status, got.headers["content-type"], got.body) == (200, mime, content)
    sim.world.clock.advance(3 * 86400)
    target = f"/api.weixin.qq.com/cgi-bin/media/get?access_token={await sim.token(sim.oa)}&media_id={made[name]}"
    assert sim.code((await sim.call("GET", target)).json()) == (40007, "invalid media_id")


async def test_the_log_keeps_the_length_of_an_upload_and_not_its_bytes(sim):
    await sent(sim, "/cgi-bin/media/upload", PNG + bytes(70_000), type="image")
    [entry] = (await sim.look("/log?limit=1"))["log"]
    assert (entry["path"], entry["body"]) == ("/cgi-bin/media/upload", "<70180 bytes>")


async def test_a_video_comes_down_as_an_address(sim):
    media_id = await uploaded(sim, "video", MP4)
    token = await sim.token(sim.oa)
    answer = await sim.get("/cgi-bin/media/get", access_token=token, media_id=media_id)
    assert answer == {"video_url": f"http://vweixinp.tc.qq.com/{media_id}.f10.mp4"}


@pytest.mark.parametrize(
    ("query", "content", "field", "said"),
    [
        ({}, PNG, "media", (40004, "invalid media type")),
        ({"type": "poster"}, PNG, "media", (40004, "invalid media type")),
        ({"type": "image"}, b"%PDF-1.7", "media", (40005, "invalid file type")),
        ({"type": "voice"}, PNG, "media", (40005, "invalid file type")),
        ({"type": "thumb"}, PNG, "media", (40005, "invalid file type")),
        ({"type": "thumb"}, JPEG + bytes(64 << 10), "media", (40006, "invalid meida size")),
        ({"type": "voice"}, AMR + bytes(2 << 20), "media", (40006, "invalid meida size")),
        ({"type": "image"}, b"", "media", (41005, "media data missing")),
        ({"type": "image"}, PNG, "file", (41005, "media data missing")),
    ],
)
async def test_refused_uploads(sim, query, content, field, said):
    assert sim.code(await sent(sim, "/cgi-bin/media/upload", content, field=field, **query)) == said
    assert sim.world.media == {}


@pytest.mark.parametrize("kind", [None, "application/json", "multipart/form-data"])
async def test_no_form_at_all(sim, kind):
    token = await sim.token(sim.oa)
    for path in ("/cgi-bin/media/upload", "/cgi-bin/media/uploadimg", "/cgi-bin/material/add_material"):
        target = f"/api.weixin.qq.com{path}?access_token={token}&type=image"
        for body in (b"", b"{}"):
            answer = await sim.call("POST", target, body, content_type=kind)
            assert sim.code(answer.json()) == (41005, "media data missing")


async def test_sizes_are_a_setting(sim):
    await sim.control("/settings", {"media_bytes_max": {"image": 99}})
    assert sim.code(await sent(sim, "/cgi-bin/media/upload", PNG, type="image")) == (40006, "invalid meida size")
    assert (await sent(sim, "/cgi-bin/media/upload", AMR + bytes(3 << 20), type="voice"))["type"] == "voice"


async def test_pictures_for_articles_have_an_address_and_no_id(sim):
    made = await sent(sim, "/cgi-bin/media/uploadimg", PNG)
    assert (set(made), made["url"][:31], made["url"][-13:]) == (
        {"url"},
        "http://mmbiz.qpic.cn/mmbiz_png/",
        "/0?wx_fmt=png",
    )
    assert sim.code(await sent(sim, "/cgi-bin/media/uploadimg", GIF)) == (40137, "invalid image format")
    assert sim.code(await sent(sim, "/cgi-bin/media/uploadimg", PNG + bytes(1 << 20))) == (40006, "invalid meida size")
    assert sim.world.media == {}


async def test_ids_belong_to_their_app(sim):
    of_mini = await uploaded(sim, "image", PNG, app=sim.mini)
    token = await sim.token(sim.oa)
    answer = await sim.get("/cgi-bin/media/get", access_token=token, media_id=of_mini)
    assert sim.code(answer) == (40007, "invalid media_id")
    assert sim.code(await sim.get("/cgi-bin/media/get", access_token=token)) == (41006, "missing media_id")


async def test_customer_messages_need_media_that_exist(sim):
    await sim.control("/follow", WHO)
    await sim.control("/say", {**WHO, "text": "在吗"})
    token, openid = await sim.token(sim.oa), sim.openid(sim.oa, "linxiaoman")
    image, voice, video = [await uploaded(sim, *one) for one in (("image", PNG), ("voice", AMR), ("video", MP4))]
    thumb = await uploaded(sim, "thumb", JPEG)
    mini = {"title": "会员", "appid": seed.MINI_APPID, "pagepath": "pages/index/index"}

    async def say(kind, branch):
        body = {"touser": openid, "msgtype": kind, kind: branch}
        return sim.code(await sim.post("/cgi-bin/message/custom/send", body, access_token=token))

    for kind, branch in (
        ("image", {"media_id": "invented"}),
        ("image", {}),
        ("image", {"media_id": voice}),
        ("voice", {"media_id": image}),
        ("video", {"media_id": image, "title": "x"}),
        ("music", {"title": "x", "thumb_media_id": "invented"}),
        ("music", {"title": "x"}),
        ("miniprogrampage", {**mini, "thumb_media_id": "invented"}),
        ("miniprogrampage", mini),
    ):
        assert await say(kind, branch) == (40007, "invalid media_id")
    assert [m["kind"] for m in (await sim.look("/phones/linxiaoman"))["chats"][0]["messages"]] == ["from_person"]
    for kind, branch in (
        ("image", {"media_id": image}),
        ("voice", {"media_id": voice}),
        ("video", {"media_id": video, "title": "x"}),
        ("music", {"title": "x", "thumb_media_id": thumb}),
        ("miniprogrampage", {**mini, "thumb_media_id": image}),
    ):
        assert await say(kind, branch) == (0, "ok")
    sim.world.clock.advance(3 * 86400)
    await sim.control("/say", {**WHO, "text": "还在吗"})
    token = await sim.token(sim.oa)
    assert await say("image", {"media_id": image}) == (40007, "invalid media_id")


@pytest.mark.parametrize("kind", ["Image", "Voice", "Video"])
async def test_a_passive_reply_with_an_invented_medium_is_no_reply(sim, kind):
    sim.oa.callback.url = "http://merchant.test/wx"
    openid = sim.openid(sim.oa, "linxiaoman")
    good = await uploaded(sim, kind.lower(), {"Image": PNG, "Voice": AMR, "Video": MP4}[kind])
    for media_id, shown in ((good, ("oa_reply", f"[{kind.lower()}]")), ("invented", ("oa_notice", acts.UNAVAILABLE))):
        inner = f"<MsgType>{kind.lower()}</MsgType><{kind}><MediaId>{media_id}</MediaId></{kind}>"
        users = f"<ToUserName>{openid}</ToUserName><FromUserName>{seed.OA_ORIGINAL_ID}</FromUserName>"
        reply = f"<xml>{users}{inner}</xml>".encode()
        sim.merchant.answer = lambda _, reply=reply: (200, reply)
        await sim.control("/say", {**WHO, "text": "在吗"})
        await sim.world.settle()
        newest = (await sim.look("/phones/linxiaoman"))["chats"][0]["messages"][-1]
        assert (newest["kind"], newest["text"]) == shown


async def test_a_menu_wants_material_that_stays(sim):
    token = await sim.token(sim.oa)
    brief = await uploaded(sim, "image", PNG)
    kept = await sent(sim, "/cgi-bin/material/add_material", PNG, type="image", name="海报.png")
    assert (set(kept), kept["url"].startswith("http://mmbiz.qpic.cn/")) == ({"media_id", "url"}, True)

    async def create(media_id):
        button = [{"type": "media_id", "name": "海报", "media_id": media_id}]
        return sim.code(await sim.post("/cgi-bin/menu/create", {"button": button}, access_token=token))

    assert await create(brief) == (40007, "invalid media_id")
    assert await create(kept["media_id"]) == (0, "ok")
    listed = await sim.post(
        "/cgi-bin/material/batchget_material", {"type": "image", "offset": 0, "count": 20}, access_token=token
    )
    assert (listed["total_count"], listed["item_count"], listed["item"][0]["name"]) == (1, 1, "海报.png")
    counts = {"voice_count": 0, "video_count": 0, "image_count": 1, "news_count": 0}
    assert await sim.get("/cgi-bin/material/get_materialcount", access_token=token) == counts
    target = f"/api.weixin.qq.com/cgi-bin/material/get_material?access_token={token}"
    assert (await sim.call("POST", target, {"media_id": kept["media_id"]})).body == PNG
    gone = {"media_id": kept["media_id"]}
    assert sim.code(await sim.post("/cgi-bin/material/del_material", gone, access_token=token)) == (0, "ok")
    assert sim.code(await sim.post("/cgi-bin/material/del_material", gone, access_token=token))[0] == 40007
    assert await create(kept["media_id"]) == (40007, "invalid media_id")

'use strict';
// Drives wesim with co-wechat-api and prints what came back as one JSON line.
const WechatAPI = require('co-wechat-api');

const [base, oaId, oaSecret, miniId, miniSecret, openid, miniOpenid, jsCode] = process.argv.slice(2);

function sdk(appid, secret) {
  const api = new WechatAPI(appid, secret);
  api.prefix = `${base}/api.weixin.qq.com/cgi-bin/`;
  api.snsPrefix = `${base}/api.weixin.qq.com/sns/`;
  api.wxaPrefix = `${base}/api.weixin.qq.com/wxa/`;
  api.mpPrefix = `${base}/mp.weixin.qq.com/cgi-bin/`;
  return api;
}

async function refused(promise) {
  try {
    await promise;
    return null;
  } catch (e) {
    return e.code;
  }
}

async function main() {
  const oa = sdk(oaId, oaSecret);
  const mini = sdk(miniId, miniSecret);
  const templates = (await oa.getAllPrivateTemplate()).template_list;
  const data = {
    character_string4: { value: '8888' },
    thing1: { value: '林小满' },
    time3: { value: '15:01' },
    amount2: { value: '¥1.00' },
  };
  const sent = await oa.sendTemplate(openid, templates[0].template_id, 'https://shop.test/', '', data);
  await oa.createMenu({ button: [{ type: 'view', name: '会员中心', url: 'https://shop.test/' }] });
  const session = await mini.code2Session(jsCode);
  const missing = await refused(mini.sendSubscribeMessage(miniOpenid, 'unknown', 'pages/index/index', data));
  const code = await mini.getWXACodeUnlimit('store=7', 'pages/index/index');
  const qr = await oa.createLimitQRCode('store-7');
  return {
    followers: (await oa.getFollowers()).data.openid,
    template: templates[0].title,
    sent: [sent.errcode, String(sent.msgid)],
    menu: (await oa.getMenu()).menu.button[0].name,
    session: session.openid,
    missing,
    wrongSecret: await refused(sdk(oaId, 'wrong').getFollowers()),
    picture: code.slice(1, 4).toString(),
    qr: qr.ticket.length > 0,
  };
}

main().then((found) => console.log(JSON.stringify(found)), (e) => { console.error(e); process.exit(1); });

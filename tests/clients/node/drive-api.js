'use strict';
// Drives wesim with wechat-api (callbacks, not promises) and prints what came back as one JSON line.
// argv: the simulator's base URL, appid, secret, openid, a template id, the path of a picture.
const { promisify } = require('util');
const WechatAPI = require('wechat-api');

const [base, appid, secret, openid, template, picture] = process.argv.slice(2);

function sdk(withSecret) {
  const api = new WechatAPI(appid, withSecret);
  api.endpoint = `${base}/api.weixin.qq.com`;
  const call = (name, ...args) => promisify(api[name]).apply(api, args);
  return { api, call };
}

async function refused(promise) {
  try {
    await promise;
    return null;
  } catch (e) {
    return [e.name, e.code, e.message.split(' rid: ')[0]];
  }
}

const MENU = {
  button: [
    { name: '会员', sub_button: [{ type: 'click', name: '积分', key: 'POINTS' }, { type: 'view', name: '商城', url: 'https://shop.test/' }] },
    { type: 'view', name: '门店', url: 'https://shop.test/stores' },
  ],
};
const DATA = {
  character_string4: { value: '8888' }, thing1: { value: '林小满' }, time3: { value: '15:01' }, amount2: { value: '¥1.00' },
};

async function main() {
  const { api, call } = sdk(secret);
  const first = await call('getLatestToken');
  const user = await call('getUser', openid);
  await call('updateRemark', openid, '常客');
  const batch = await call('batchGetUsers', [openid]);
  const made = await call('createMenu', MENU);
  const menu = await call('getMenu');
  const shown = await call('getMenuConfig');
  const sent = await call('sendTemplate', openid, template, 'https://shop.test/', DATA);
  const uploaded = await call('uploadMedia', picture, 'image');
  const fetched = await call('getMedia', uploaded.media_id);
  const image = await call('sendImage', openid, uploaded.media_id);
  const text = await call('sendText', openid, '您好');
  const kept = await call('uploadMaterial', picture, 'image');
  const counts = await call('getMaterialCount');
  await call('removeMaterial', kept.media_id);
  const qr = await call('createLimitQRCode', 'store-7');
  const found = {
    token: [typeof first.accessToken, first.accessToken.length > 100],
    user: [user.subscribe, user.openid, user.remark],
    batch: batch.user_info_list.map((one) => one.remark),
    followers: (await call('getFollowers')).data.openid,
    made: made.errcode,
    menu: menu.menu.button,
    shown: shown.selfmenu_info.button,
    sent: [sent.errcode, String(sent.msgid).slice(0, 4)],
    uploaded: [uploaded.type, Object.keys(uploaded).sort()],
    fetched: [fetched.length, fetched.slice(1, 4).toString()],
    told: [image.errcode, text.errcode],
    kept: [kept.url.startsWith('http://mmbiz.qpic.cn/mmbiz_png/'), counts.image_count, (await call('getMaterialCount')).image_count],
    qr: qr.ticket.length > 0,
    refused: {
      tags: await refused(call('getTags')),
      secret: await refused(sdk('wrong').call('getFollowers')),
      openid: await refused(call('getUser', 'nobody')),
      none: await refused(call('getUser', '')),
      media: await refused(call('sendImage', openid, 'no-such-picture')),
      file: await refused(call('uploadMedia', __filename, 'image')),
      kind: await refused(call('uploadMedia', picture, 'poster')),
      buttons: await refused(call('createMenu', { button: [] })),
      sub: await refused(call('createMenu', { button: [{ name: '会员', sub_button: [{ type: 'click', name: '积分' }] }] })),
      template: await refused(call('sendTemplate', openid, 'x', '', DATA)),
    },
  };
  await call('delPrivateTemplate', template);
  found.left = (await call('getAllPrivateTemplate')).template_list;
  await call('removeMenu');
  found.gone = await refused(call('getMenu'));
  return found;
}

main().then((found) => console.log(JSON.stringify(found)), (e) => { console.error(e); process.exit(1); });

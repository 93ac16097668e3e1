'use strict';
// A merchant's server made of the middleware `wechat`, in safe mode, and two persons who talk to it. Prints what came back
// as one JSON line. argv: the simulator's base URL, appid, the callback's token and AES key, the id of a picture.
const http = require('http');
const wechat = require('wechat');

const [base, appid, token, encodingAESKey, picture] = process.argv.slice(2);

async function control(path, body) {
  const answer = await fetch(`${base}/_sim${path}`, { method: 'POST', body: JSON.stringify(body) });
  return answer.json();
}

async function look(path) {
  return (await fetch(`${base}/_sim${path}`)).json();
}

const heard = [];
const answers = {
  积分: '您有 20 积分 ☕ <b>&',
  新品: [{ title: '白桃乌龙', description: '上新', picurl: 'https://shop.test/1.png', url: 'https://shop.test/1' }],
  照片: { type: 'image', content: { mediaId: picture } },
  假照片: { type: 'image', content: { mediaId: 'no-such-picture' } },
};

const middleware = wechat({ token, encodingAESKey, appid })
  .text((message, request, response) => {
    heard.push(['text', message.Content, message.MsgId]);
    if (message.Content === '客服') return response.transfer2CustomerService();
    return response.reply(answers[message.Content]);
  })
  .event((message, request, response) => {
    heard.push(['event', message.Event, message.EventKey]);
    response.reply(message.Event === 'subscribe' ? '欢迎光临' : '');
  })
  .middlewarify();

function serve() {
  const server = http.createServer((request, response) => {
    request.query = Object.fromEntries(new URL(request.url, 'http://shop.test').searchParams);
    middleware(request, response, (error) => {
      response.writeHead(500);
      response.end(String(error));
    });
  });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}

async function main() {
  const server = await serve();
  const url = `http://127.0.0.1:${server.address().port}/wx`;
  const person = 'linxiaoman';
  const set = await control(`/apps/${appid}/callback`, { url, mode: 'safe', format: 'xml', verify: true });
  const { openid } = await control('/follow', { person, app: appid });
  await control('/settle', {});
  for (const text of ['积分', '新品', '照片', '假照片', '客服']) {
    await control('/say', { person, app: appid, text });
    await control('/settle', {});
  }
  await control('/unfollow', { person, app: appid });
  await control('/settle', {});
  const stranger = await fetch(`${url}?timestamp=1&nonce=1&encrypt_type=aes&msg_signature=forged`, {
    method: 'POST', body: '<xml><Encrypt><![CDATA[AAAA]]></Encrypt></xml>',
  });
  const { pushes } = await look(`/apps/${appid}/pushes`);
  const found = {
    verified: set.verified,
    openid,
    heard: heard.map(([kind, what, more]) => [kind, what, kind === 'text' ? /^29\d{17}$/.test(more) : more]),
    states: pushes.map((push) => push.state),
    stranger: stranger.status,
  };
  server.close();
  server.closeAllConnections();
  return found;
}

main().then((found) => console.log(JSON.stringify(found)), (e) => { console.error(e); process.exit(1); });

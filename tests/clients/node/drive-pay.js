'use strict';
// Drives wesim's WeChat Pay with wechatpay-axios-plugin and prints what came back as one JSON line.
// argv: the simulator's base URL, appid, openid, the merchant's keys as JSON.
const http = require('http');
const { Wechatpay, Formatter, Rsa, Aes } = require('wechatpay-axios-plugin');

const [base, appid, openid, written] = process.argv.slice(2);
const merchant = JSON.parse(written);
const inMode = merchant.mode === 'certificate'
  ? Object.fromEntries(merchant.platform_certificates.map((one) => [one.serial, one.pem]))
  : { [merchant.public_key_id]: merchant.public_key };

const wxpay = new Wechatpay({
  mchid: merchant.mchid,
  serial: merchant.serial,
  privateKey: merchant.private_key,
  certs: inMode,
  baseURL: `${base}/`,
  timeout: 10000,
});

async function control(path, body) {
  const answer = await fetch(`${base}/_sim${path}`, { method: 'POST', body: JSON.stringify(body) });
  return answer.json();
}

/** A server for callbacks that opens what it hears, as the plugin's documentation does. */
function listen() {
  const told = [];
  const server = http.createServer((request, response) => {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString();
      const { headers } = request;
      const message = Formatter.response(headers['wechatpay-timestamp'], headers['wechatpay-nonce'], body);
      const authentic = Rsa.verify(message, headers['wechatpay-signature'], Rsa.from(inMode[headers['wechatpay-serial']], Rsa.KEY_TYPE_PUBLIC));
      const event = JSON.parse(body);
      const { ciphertext, nonce, associated_data: aad } = event.resource;
      told.push({ authentic, type: event.event_type, plain: JSON.parse(Aes.AesGcm.decrypt(ciphertext, merchant.api_v3_key, nonce, aad)) });
      response.writeHead(authentic ? 204 : 401).end();
    });
  });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve({ server, told, url: `http://127.0.0.1:${server.address().port}/pay` })));
}

function page(prepayId) {
  const given = { timeStamp: `${Formatter.timestamp()}`, nonceStr: Formatter.nonce(), package: `prepay_id=${prepayId}`, signType: 'RSA' };
  given.paySign = Rsa.sign(Formatter.joinedByLineFeed(appid, given.timeStamp, given.nonceStr, given.package), merchant.private_key);
  return given;
}

async function refused(promise) {
  try {
    await promise;
    return null;
  } catch (e) {
    return [e.response.status, e.response.data.code];
  }
}

async function main() {
  const door = await listen();
  const order = (number, total) => wxpay.v3.pay.transactions.jsapi.post({
    appid, mchid: merchant.mchid, description: '白桃乌龙', out_trade_no: number, notify_url: door.url, amount: { total }, payer: { openid },
  });
  const query = (number) => wxpay.v3.pay.transactions.outTradeNo._out_trade_no_.get({ params: { mchid: merchant.mchid }, out_trade_no: number });
  const close = (number) => wxpay.v3.pay.transactions.outTradeNo._out_trade_no_.close.post({ mchid: merchant.mchid }, { out_trade_no: number });

  const first = (await order('order-0001', 1880)).data.prepay_id;
  const phone = await control('/pay/pay', { person: 'linxiaoman', app: appid, ...page(first) });
  await control('/pay/settle', {});
  const paid = (await query('order-0001')).data;
  const refund = (await wxpay.v3.refund.domestic.refunds.post({
    out_trade_no: 'order-0001', out_refund_no: 'refund-0001', notify_url: door.url, amount: { refund: 880, total: 1880, currency: 'CNY' },
  })).data;
  await control('/pay/settle', {});
  const refunded = (await wxpay.v3.refund.domestic.refunds._out_refund_no_.get({ out_refund_no: 'refund-0001' })).data;
  await order('order-0002', 500);
  const closed = (await close('order-0002')).status;
  const native = (await wxpay.v3.pay.transactions.native.post({
    appid, mchid: merchant.mchid, description: '白桃乌龙', out_trade_no: 'order-0004', notify_url: door.url, amount: { total: 700 },
  })).data.code_url;
  const scanned = await control('/pay/scan', { person: 'linxiaoman', code_url: native, act: 'pay' });
  await control('/pay/settle', {});
  const byCode = (await query('order-0004')).data;
  const found = {
    native: [scanned.result, byCode.trade_state, byCode.trade_type],
    phone: phone.errMsg,
    paid: [paid.trade_state, paid.amount.payer_total],
    refund: [refund.status, refunded.status],
    closed: [closed, (await query('order-0002')).data.trade_state],
    refused: [await refused(order('order-0001', 1880)), await refused(query('order-0003'))],
    told: door.told.map(({ authentic, type, plain }) => [authentic, type, plain.out_trade_no, plain.amount.total]),
    samePayment: JSON.stringify(door.told[0].plain) === JSON.stringify(paid),
  };
  door.server.close();
  door.server.closeAllConnections();
  return found;
}

main().then((found) => console.log(JSON.stringify(found)), (e) => { console.error(e); process.exit(1); });

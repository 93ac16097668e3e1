'use strict';
// Drives wesim's WeChat Pay with wechatpay-node-v3, which reads its serial out of the certificate, in lower case, and signs
// the path on the host. Prints what came back as one JSON line. argv: base URL, appid, openid, the merchant's keys as JSON.
const http = require('http');
const Pay = require('wechatpay-node-v3');
const { PayRequest } = require('wechatpay-node-v3/dist/lib/pay-request');

const [base, appid, openid, written] = process.argv.slice(2);
const merchant = JSON.parse(written);

/** The SDK's own requests, sent to the simulator. */
class ToSimulator extends PayRequest {
  static at(url) {
    return url.replace('https://', `${base}/`);
  }

  post(url, params, headers) {
    return super.post(ToSimulator.at(url), params, headers);
  }

  get(url, headers) {
    return super.get(ToSimulator.at(url), headers);
  }
}

const pay = new Pay({
  appid,
  mchid: merchant.mchid,
  publicKey: Buffer.from(merchant.certificate),
  privateKey: Buffer.from(merchant.private_key),
  key: merchant.api_v3_key,
});
pay.createHttp(new ToSimulator());

async function control(path, body) {
  const answer = await fetch(`${base}/_sim${path}`, { method: 'POST', body: JSON.stringify(body) });
  return answer.json();
}

function listen() {
  const told = [];
  const server = http.createServer((request, response) => {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', async () => {
      const { headers } = request;
      const body = Buffer.concat(chunks).toString();
      const authentic = await pay.verifySign({
        timestamp: headers['wechatpay-timestamp'],
        nonce: headers['wechatpay-nonce'],
        body,
        serial: headers['wechatpay-serial'],
        signature: headers['wechatpay-signature'],
      });
      const { ciphertext, nonce, associated_data: aad } = JSON.parse(body).resource;
      const plain = pay.decipher_gcm(ciphertext, aad, nonce, merchant.api_v3_key);
      told.push([authentic, JSON.parse(body).event_type, plain.out_trade_no, plain.amount.total]);
      response.writeHead(authentic ? 204 : 401).end();
    });
  });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve({ server, told, url: `http://127.0.0.1:${server.address().port}/pay` })));
}

const refusal = (answer) => [answer.status, JSON.parse(answer.error).code];

async function main() {
  const door = await listen();
  const certificates = await pay.get_certificates(merchant.api_v3_key);
  const order = (number, total) => pay.transactions_jsapi({
    description: '白桃乌龙', out_trade_no: number, notify_url: door.url, amount: { total }, payer: { openid },
  });
  const { appId, ...page } = (await order('order-0001', 1880)).data;
  const phone = await control('/pay/pay', { person: 'linxiaoman', app: appId, ...page });
  await control('/pay/settle', {});
  const paid = (await pay.query({ out_trade_no: 'order-0001' })).data;
  const byId = (await pay.query({ transaction_id: paid.transaction_id })).data;
  const refund = (await pay.refunds({
    out_trade_no: 'order-0001', out_refund_no: 'refund-0001', notify_url: door.url, amount: { refund: 880, total: 1880, currency: 'CNY' },
  })).data;
  await control('/pay/settle', {});
  const refunded = (await pay.find_refunds('refund-0001')).data;
  await order('order-0002', 500);
  const closed = (await pay.close('order-0002')).status;
  const found = {
    serial: pay.serial_no === merchant.serial.toLowerCase(),
    certificates: certificates.map((one) => one.serial_no),
    phone: phone.errMsg,
    paid: [paid.trade_state, paid.amount.payer_total, byId.out_trade_no],
    refund: [refund.status, refunded.status],
    closed: [closed, (await pay.query({ out_trade_no: 'order-0002' })).data.trade_state],
    refused: {
      paid: refusal(await order('order-0001', 1880)),
      close: refusal(await pay.close('order-0001')),
      none: refusal(await pay.query({ out_trade_no: 'order-0003' })),
      bill: refusal(await pay.tradebill({ bill_date: '2026-11-20' })),
    },
    told: door.told,
  };
  door.server.close();
  door.server.closeAllConnections();
  return found;
}

main().then((found) => console.log(JSON.stringify(found)), (e) => { console.error(e); process.exit(1); });

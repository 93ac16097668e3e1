'use strict';
// Drives wesim's Aliyun SMS with @alicloud/pop-core and prints what came back as one JSON line.
// argv: the simulator's base URL, key id, secret, whether the host stands in the path.
const { RPCClient } = require('@alicloud/pop-core');

const [base, accessKeyId, accessKeySecret, prefix] = process.argv.slice(2);

function sdk(secret) {
  const endpoint = prefix ? `${base}/dysmsapi.aliyuncs.com` : base;
  return new RPCClient({ accessKeyId, accessKeySecret: secret, endpoint, apiVersion: '2017-05-25' });
}

async function refused(promise) {
  try {
    await promise;
    return null;
  } catch (e) {
    return [e.name, e.code, e.entry.response.statusCode];
  }
}

async function main() {
  const sms = sdk(accessKeySecret);
  const day = new Date(Date.now() + 8 * 3600 * 1000).toISOString().slice(0, 10).replace(/-/g, '');
  const message = (values) => ({
    PhoneNumbers: '13800000001', SignName: '会达小店', TemplateCode: 'SMS_100000002', TemplateParam: JSON.stringify(values), OutId: 'o-1',
  });
  const sent = await sms.request('SendSms', message({ p1: '0001', p2: '11-21 😎', code: 'a8Kd' }), { method: 'POST' });
  const asked = { PhoneNumber: '13800000001', SendDate: day, PageSize: 10, CurrentPage: 1, BizId: sent.BizId };
  const details = await sms.request('QuerySendDetails', asked, { method: 'POST' });
  const [receipt] = details.SmsSendDetailDTOs.SmsSendDetailDTO;
  const batch = await sms.request('SendBatchSms', {
    PhoneNumberJson: JSON.stringify(['13800000002', '13800000003']),
    SignNameJson: JSON.stringify(['会达', '会达小店']),
    TemplateCode: 'SMS_100000003',
    TemplateParamJson: JSON.stringify([{ p1: '2', p2: '3', code: 'b' }, { p1: '4', p2: '5', code: 'c' }]),
  }, { method: 'POST' });
  const list = await sms.request('QuerySmsTemplateList', { PageIndex: 1, PageSize: 50 });
  const added = await sms.request('AddSmsTemplate', {
    TemplateType: 1, TemplateName: '到店提醒', TemplateContent: '您预订的桌位已备好，编号${no}。', Remark: '门店',
  });
  const one = await sms.request('QuerySmsTemplate', { TemplateCode: added.TemplateCode });
  return {
    sent: [sent.Code, sent.Message, /^\d{16}\^0$/.test(sent.BizId)],
    details: [details.TotalCount, receipt.SendStatus, receipt.ErrCode, receipt.OutId, receipt.Content],
    batch: [batch.Code, batch.BizId !== sent.BizId],
    kinds: Object.fromEntries(list.SmsTemplateList.map((row) => [row.TemplateName, [row.TemplateType, row.OuterTemplateType]])),
    added: [one.TemplateStatus, one.TemplateType, /^SMS_\d{16}$/.test(one.TemplateCode)],
    refused: {
      secret: await refused(sdk('wrong').request('SendSms', message({}), { method: 'POST' })),
      action: await refused(sms.request('QuerySendStatistics', {})),
      sign: await refused(sms.request('SendSms', { ...message({ p1: '1', p2: '2', code: '3' }), SignName: '没有' })),
      number: await refused(sms.request('SendSms', { ...message({ p1: '1', p2: '2', code: '3' }), PhoneNumbers: '１3800000001' })),
    },
  };
}

main().then((found) => console.log(JSON.stringify(found)), (e) => { console.error(e); process.exit(1); });

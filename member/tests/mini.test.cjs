const { APP_ID, Phone } = require('./phone.cjs')

const MEMBER = {
  id: '01900000-0000-7000-8000-000000000001',
  card_no: '6088000001',
  card_qr: 'data:image/svg+xml;base64,PHN2Zy8+',
  name: '林小满',
  phone: '138****0001',
  level: 'gold',
  level_name: '金叶会员',
  state: 'active',
}
const RECEIPT = {
  id: '01900000-0000-7000-8000-00000000000a',
  store_name: '南门店',
  till_no: 'S01-0042',
  total_fen: 5600,
  balance_fen: 2500,
  points: 56,
  refunded_fen: 0,
  occurred_at: '2026-11-21T06:32:00Z',
  items: [{ name: '明前龙井', count: 2, price_fen: 2800 }],
}
const entry = (scenario, template_id, remaining = 0) => ({ scenario, label: scenario, template_id, app_id: APP_ID, remaining })
const SERVER = {
  'GET /api/member/me': { merchant: '山月茶事', member: MEMBER },
  'GET /api/member/balances': { points: 1250, balance_fen: 10050, principal_fen: 10000, gift_fen: 50 },
  'GET /api/member/mall': { open: false, pay_ready: false, recharge_on: true, withdraw_on: true, balance_fen: 0 },
  'GET /api/member/transfers': { items: [], next_cursor: null },
  'GET /api/member/coupons': { items: [{ id: 'c1' }, { id: 'c2' }], next_cursor: null },
  'GET /api/member/subscriptions': (_, { page_name }) =>
    page_name === 'receipt'
      ? { show_entry: true, items: [entry('stored_value_consumption', 'T-stored'), entry('consumption', 'T-consumption')] }
      : { show_entry: page_name === 'member_card', items: page_name === 'member_card' ? [entry('consumption', 'T-consumption')] : [] },
  'POST /api/member/subscriptions/results': (body) => ({
    remaining: Object.fromEntries(Object.entries(body.answers).filter(([, a]) => a === 'accept').map(([id]) => [id, 1])),
  }),
  [`GET /api/member/purchases/${RECEIPT.id}`]: RECEIPT,
}
const RESULTS = '/api/member/subscriptions/results'

test('it logs in by wx.login when it starts, and the home page shows what the server answers', async () => {
  const phone = new Phone(SERVER)
  await phone.open('pages/index/index')
  expect(phone.calls('POST', '/api/member/login').map((call) => call.body)).toEqual([{ app_id: APP_ID, code: 'code-1' }])
  expect(phone.calls('GET', '/api/member/me')[0].token).toBe('Bearer hm_1')
  expect(phone.text).toContain('山月茶事')
  expect(phone.text).toContain('林小满 金叶会员')
  expect(phone.text).toContain('6088 0000 01')
  expect(phone.text).toContain('1,250 积分 ¥100.50 余额 2 优惠券')
  expect(phone.text).not.toContain('订阅消息通知')
  expect(phone.title).toBe('会员中心')
  expect(phone.asked).toEqual([])
})

test('the entry 订阅消息通知 is there while the merchant has something to subscribe to', async () => {
  const phone = new Phone({ ...SERVER, 'GET /api/member/subscriptions': { show_entry: true, items: [entry('consumption', 'T-1', 2)] } })
  await phone.open('pages/index/index')
  expect(phone.text).toContain('订阅消息通知')
})

test('a lost session is opened again once, without a word', async () => {
  let refused = 0
  const phone = new Phone({
    ...SERVER,
    'POST /api/member/login': () => ({ token: `hm_${phone.logins}`, joined: true }),
    'GET /api/member/me': () => (refused++ === 0 ? 401 : SERVER['GET /api/member/me']),
  })
  await phone.open('pages/index/index')
  expect(phone.logins).toBe(2)
  expect(phone.calls('GET', '/api/member/me').map((call) => call.token).slice(0, 2)).toEqual(['Bearer hm_1', 'Bearer hm_2'])
  expect(phone.text).toContain('林小满')
})

test('a card opens the receipt of its purchase', async () => {
  const phone = new Phone(SERVER)
  await phone.open('pages/receipt/index', { id: RECEIPT.id })
  for (const shown of ['南门店', '¥56.00', '2026-11-21 14:32', '明前龙井 ×2', '储值支付 ¥25.00', '获得积分 +56', '流水号 S01-0042'])
    expect(phone.text).toContain(shown)
  expect(phone.title).toBe('电子小票')
})

test('订阅 asks only on a tap, for exactly the templates of the page, and posts the answers', async () => {
  const phone = new Phone(SERVER)
  await phone.open('pages/receipt/index', { id: RECEIPT.id })
  expect(phone.calls('GET', '/api/member/subscriptions').map((call) => call.query)).toEqual([{ page_name: 'receipt' }])
  expect(phone.text).toContain('储值卡消费、会员消费')
  expect(phone.asked).toEqual([])
  await phone.tap('订阅')
  expect(phone.asked).toEqual([['T-stored', 'T-consumption']])
  const [report] = phone.calls('POST', RESULTS)
  expect(report.body.answers).toEqual({ 'T-stored': 'accept', 'T-consumption': 'accept' })
  expect(report.body.report_id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  expect(phone.text).toContain('还可收到 1 条')
  expect(phone.text).toContain('再订阅一次')
})

test('what was refused is not asked again, here or on the next page', async () => {
  const phone = new Phone(SERVER)
  phone.choose = (ids) => ({ errMsg: 'requestSubscribeMessage:ok', ...Object.fromEntries(ids.map((id) => [id, 'reject'])) })
  await phone.open('pages/receipt/index', { id: RECEIPT.id })
  await phone.tap('订阅')
  expect(phone.calls('POST', RESULTS).map((call) => call.body.answers)).toEqual([{ 'T-stored': 'reject', 'T-consumption': 'reject' }])
  expect(phone.text).not.toContain('订阅')
  await phone.open('pages/index/index')
  expect(phone.text).toContain('林小满')
  expect(phone.text).not.toContain('订阅')
  expect(phone.asked).toHaveLength(1)
})

test('a refused template leaves the others of the page on offer', async () => {
  const phone = new Phone(SERVER)
  phone.choose = () => ({ errMsg: 'requestSubscribeMessage:ok', 'T-stored': 'reject', 'T-consumption': 'accept' })
  await phone.open('pages/receipt/index', { id: RECEIPT.id })
  await phone.tap('订阅')
  expect(phone.text).not.toContain('储值卡消费')
  await phone.tap('再订阅一次')
  expect(phone.asked).toEqual([['T-stored', 'T-consumption'], ['T-consumption']])
})

test('with the main switch off it tells how to switch messages on, and reports nothing', async () => {
  const phone = new Phone(SERVER)
  phone.choose = () => ({ errMsg: 'requestSubscribeMessage:fail The main switch is switched off', errCode: 20004 })
  await phone.open('pages/receipt/index', { id: RECEIPT.id })
  await phone.tap('订阅')
  expect(phone.text).toContain('您关闭了订阅消息')
  expect(phone.calls('POST', RESULTS)).toEqual([])
})

test('a report that was lost is repeated under the same id', async () => {
  let tried = 0
  const phone = new Phone({ ...SERVER, 'POST /api/member/subscriptions/results': (body) => (tried++ === 0 ? 'lost' : SERVER[`POST ${RESULTS}`](body)) })
  await phone.open('pages/receipt/index', { id: RECEIPT.id })
  await phone.tap('订阅')
  while (phone.calls('POST', RESULTS).length < 2) await phone.idle()
  const [first, second] = phone.calls('POST', RESULTS)
  expect(second.body).toEqual(first.body)
})

test('a visitor is asked for the phone number by WeChat’s own button', async () => {
  const phone = new Phone({
    ...SERVER,
    'GET /api/member/me': { merchant: '山月茶事', member: null },
    'POST /api/member/phone': { merchant: '山月茶事', member: MEMBER },
  })
  await phone.open('pages/balance/index')
  expect(phone.text).toContain('加入山月茶事会员')
  await phone.tap('微信手机号快捷绑定', 'getphonenumber', { code: 'phone-code' })
  expect(phone.calls('POST', '/api/member/phone').map((call) => call.body)).toEqual([{ code: 'phone-code' }])
  expect(phone.text).toContain('¥100.50')
})

const ORDER = {
  id: '01900000-0000-7000-8000-0000000000b1',
  order_no: '261122000000000001',
  state: 'submitted',
  closing: '',
  goods: '茉莉花茶',
  count: 1,
  url: '',
  total_fen: 2800,
  refunded_fen: 0,
  pay_until: '2026-11-22T06:30:00Z',
  created_at: '2026-11-22T06:00:00Z',
  receiver: '林小满',
  phone: '13800000001',
  address: '杭州市西湖区龙井路 1 号',
  note: '',
  lines: [{ product_id: 'p', sku_id: 's', code: '', title: '茉莉花茶', spec: '', url: '', price_fen: 2800, count: 1 }],
  parcels: [],
  refunds: [],
  paid_at: null,
  shipped_at: null,
  complete_at: null,
  completed_at: null,
  closed_at: null,
}
const PARAMETERS = { appId: APP_ID, timeStamp: '1', nonceStr: 'n', package: 'prepay_id=wx1', signType: 'RSA', paySign: 'sig' }

function shop() {
  let paid = false
  const server = {
    ...SERVER,
    [`GET /api/member/mall/orders/${ORDER.id}`]: () => (paid ? { ...ORDER, state: 'paid', paid_at: '2026-11-22T06:01:00Z' } : ORDER),
    [`POST /api/member/mall/orders/${ORDER.id}/pay`]: { parameters: PARAMETERS, expires_at: ORDER.pay_until },
  }
  return { server, pay: () => { paid = true } }
}

test('付款 opens WeChat’s cashier with exactly the server’s parameters, and only the server says that it is paid', async () => {
  const { server, pay } = shop()
  const phone = new Phone(server)
  phone.pay = () => { pay(); return { errMsg: 'requestPayment:ok' } }
  await phone.open('pages/shop/order', { id: ORDER.id })
  expect(phone.text).toContain('待付款')
  await phone.tap('付款 ¥28.00')
  const { appId, ...given } = PARAMETERS
  expect(phone.payments).toEqual([given])
  expect(phone.text).toContain('待发货')
})

test('who leaves the cashier has not paid, and may try again', async () => {
  const phone = new Phone(shop().server)
  phone.pay = () => ({ errMsg: 'requestPayment:fail cancel' })
  await phone.open('pages/shop/order', { id: ORDER.id })
  await phone.tap('付款 ¥28.00')
  expect(phone.text).toContain('您还没有付款')
  expect(phone.text).toContain('付款 ¥28.00')
})

test('a payment that WeChat refuses is told', async () => {
  const phone = new Phone(shop().server)
  phone.pay = () => ({ errMsg: 'requestPayment:fail 支付验证签名失败' })
  await phone.open('pages/shop/order', { id: ORDER.id })
  await phone.tap('付款 ¥28.00')
  expect(phone.text).toContain('付款没有成功，请稍后再试')
})

/**
 * The built mini program in WeChat's own component framework (miniprogram-simulate), with WeChat itself stubbed: `wx` is
 * what the tests play, everything else is what ships.
 */

const path = require('node:path')
const exparser = require('miniprogram-exparser')
const simulate = require('miniprogram-simulate')

const ROOT = path.join(__dirname, '..', 'dist', 'mini')
const APP_ID = 'wx5e1f00000000b001'

class Phone {
  /** `server` answers `METHOD /path`; a function gets (body, query), a number is a bare status. */
  constructor(server) {
    this.server = { 'POST /api/member/login': { token: 'hm_1', joined: true }, ...server }
    this.requests = []
    this.asked = []
    this.payments = []
    this.pay = () => ({ errMsg: 'requestPayment:ok' })
    this.logins = 0
    this.title = ''
    this.storage = new Map()
    /** What the person answers to wx.requestSubscribeMessage: (ids) => the object that WeChat gives. */
    this.choose = (ids) => ({ errMsg: 'requestSubscribeMessage:ok', ...Object.fromEntries(ids.map((id) => [id, 'accept'])) })
    this.hooks = {}
    this.boot()
  }

  boot() {
    jest.resetModules()
    const app = { globalData: {} }
    const pages = []
    this.pages = pages
    global.getApp = () => app
    global.getCurrentPages = () => pages
    global.App = (options) => Object.assign(app, options)
    global.Page = (options) => global.Component({ methods: options, data: options.data })
    const device = { platform: 'devtools', language: 'zh_CN', system: 'iOS 17', version: '8.0.50', SDKVersion: '3.5.0', pixelRatio: 2,
      windowWidth: 375, windowHeight: 667, screenWidth: 375, screenHeight: 667, statusBarHeight: 20, model: 'phone', brand: 'wesim', safeArea: {} }
    const info = () => ({ ...device })
    Object.assign(global.wx, {
      getSystemInfoSync: info, getAppBaseInfo: info, getWindowInfo: info, getDeviceInfo: info, getSystemSetting: info,
      getLaunchOptionsSync: () => ({ path: '', query: {}, scene: 1001 }), getEnterOptionsSync: () => ({ path: '', query: {}, scene: 1001 }),
      getAccountInfoSync: () => ({ miniProgram: { appId: APP_ID, envVersion: 'release' } }),
      canIUse: () => true, onAppShow() {}, onAppHide() {}, onError() {}, onUnhandledRejection() {}, onPageNotFound() {},
      getStorageSync: (key) => this.storage.get(key) ?? '',
      setStorageSync: (key, value) => void this.storage.set(key, value),
      setNavigationBarTitle: ({ title }) => { this.title = title },
      stopPullDownRefresh() {}, showToast: ({ title }) => { this.toast = title }, navigateTo: ({ url }) => { this.went = url },
      pageScrollTo() {}, reLaunch: ({ url }) => { this.went = url },
      login: ({ success }) => { this.logins += 1; success({ code: `code-${this.logins}`, errMsg: 'login:ok' }) },
      request: (options) => this.request(options),
      setClipboardData() {}, redirectTo: ({ url }) => { this.went = url },
      requestPayment: ({ timeStamp, nonceStr, package: order, signType, paySign, success, fail }) => {
        this.payments.push({ timeStamp, nonceStr, package: order, signType, paySign })
        const answer = this.pay()
        if (answer.errMsg.endsWith(':ok')) success(answer)
        else fail(answer)
      },
      requestSubscribeMessage: (options) => {
        this.asked.push(options.tmplIds)
        const answer = this.choose(options.tmplIds)
        if (answer.errCode) options.fail(answer)
        else options.success(answer)
      },
    })
    require(path.join(ROOT, 'app.js'))
    app.onLaunch?.({ path: '', query: {}, scene: 1001 })
  }

  request({ url, method, data, header, success, fail }) {
    const { pathname, searchParams } = new URL(url)
    const query = Object.fromEntries(searchParams)
    const body = data === undefined ? undefined : JSON.parse(data)
    this.requests.push({ method, path: pathname, query, body, token: header.Authorization ?? '' })
    const known = this.server[`${method} ${pathname}`]
    const answer = typeof known === 'function' ? known(body, query) : known
    setTimeout(() => {
      if (answer === 'lost') fail({ errMsg: 'request:fail timeout' })
      else if (typeof answer === 'number') success({ statusCode: answer, data: { code: 'refused', title: '被拒绝' } })
      else if (answer === undefined) success({ statusCode: 404, data: { code: 'not_found', title: '没有找到' } })
      else success({ statusCode: 200, data: answer })
    })
    return { abort() {} }
  }

  /** Open a page as a message's card does, and wait until it has shown what it fetched. */
  async open(name, options = {}) {
    const page = simulate.render(simulate.load(path.join(ROOT, name), { rootPath: ROOT, runtime: 'devtools' }))
    const place = document.createElement('div')
    page.attach(place)
    Object.assign(page.instance, { route: name, options })
    this.pages.push(page.instance)
    page.instance.onLoad?.(options)
    page.instance.onShow?.()
    page.instance.onReady?.()
    this.page = page
    await this.idle()
    return page
  }

  /** Let promises, timers of requests and renders run out. */
  async idle() {
    for (let turn = 0; turn < 30; turn++) await new Promise((resolve) => setTimeout(resolve, 5))
  }

  get text() {
    const walk = document.createTreeWalker(this.page.dom, NodeFilter.SHOW_TEXT)
    const words = []
    while (walk.nextNode()) words.push(walk.currentNode.textContent.trim())
    return words.filter(Boolean).join(' ')
  }

  /** Tap the button with this text, in whatever component it is; `type` for what WeChat's own buttons give. */
  async tap(text, type = 'tap', detail = {}) {
    const button = [...this.page.dom.querySelectorAll('wx-button')].find((one) => one.textContent.trim() === text)
    if (!button) throw new Error(`no button says ${text}: ${this.text}`)
    const options = { bubbles: true, capturePhase: true, composed: true, originalEvent: new Event(type) }
    exparser.Event.dispatchEvent(button.__wxElement, exparser.Event.create(type, detail, options))
    await this.idle()
  }

  calls(method, to) {
    return this.requests.filter((request) => request.method === method && request.path === to)
  }
}

module.exports = { Phone, APP_ID }

import type { PayParameters, Site } from '@/api/types'

import { Bridge } from './bridge'
import type { Credential, Environment, Kind, PayAnswer, Platform, Store, SubscribeAnswer } from './types'
import { PlatformError } from './types'

const OAUTH = 'huida.oauth'

/** The H5 pages: in WeChat's browser, in the simulated phone, or in any other browser. */
export function createH5(): Platform {
  pressByKeyboard()
  nameInputs()
  const came = new URL(window.location.href)
  const returned = comeBack(came)
  const memory = new Map<string, string>()
  let merchant = came.searchParams.get('m') ?? ''
  let kind: Kind = 'browser'
  let site: Site | null = null
  let bridge: Bridge | null = null
  let appId = ''
  let code = returned.code
  let goBack = () => false
  let title = ''

  const onPhone = (): Bridge => {
    if (bridge === null || kind !== 'phone') throw new PlatformError('unavailable')
    return bridge
  }

  const tellTitle = (): void => {
    if (bridge !== null && title) void bridge.call('title', { text: title }).catch(() => undefined)
  }

  const store: Store = {
    // Several simulated phones share one origin: nothing of a person is kept for the next.
    get: (key) => (kind === 'phone' ? (memory.get(key) ?? '') : read(`huida.${merchant}.${key}`)),
    set(key, value) {
      if (kind === 'phone') memory.set(key, value)
      else write(`huida.${merchant}.${key}`, value)
    },
  }

  return {
    apiBase: '',
    phoneButton: false,
    hasSettings: false,

    async start(fetchSite): Promise<Environment> {
      site = await fetchSite(merchant)
      merchant = String(site.m)
      let language = navigator.language
      if (site.simulator && window.parent !== window) {
        const phone = new Bridge(site.simulator)
        phone.back = () => {
          if (!goBack()) void phone.call('exit').catch(() => undefined)
        }
        bridge = phone
        const hello = await bridge.hello()
        if (hello?.kind === 'mini') {
          kind = 'phone'
          appId = hello.appid
        }
        language = hello?.language ?? language
        tellTitle() // what was shown before the phone was known
      } else if (/MicroMessenger/i.test(navigator.userAgent) && site.oa_app_id) {
        kind = 'oa'
        appId = site.oa_app_id
      }
      return { kind, merchant, shop: site.merchant, language }
    },

    async credential(): Promise<Credential> {
      if (kind === 'phone') {
        const got = await onPhone().call<{ code: string }>('login')
        return { app_id: appId, code: got.code }
      }
      if (kind !== 'oa' || site === null) throw new PlatformError('login')
      if (code) {
        const once = code
        code = ''
        return { app_id: appId, code: once }
      }
      if (returned.came) {
        returned.came = false // the next try leaves again: a person who refused may think again
        throw new PlatformError('login')
      }
      leave(site, appId, merchant)
      return new Promise(() => undefined)
    },

    async phoneCode(): Promise<string> {
      try {
        return (await onPhone().call<{ code: string }>('phone')).code
      } catch (error) {
        throw error instanceof PlatformError ? error : new PlatformError('denied')
      }
    },

    subscribe: (templateIds): Promise<SubscribeAnswer> => onPhone().call('subscribe', { templates: templateIds }),
    canSubscribe: () => kind === 'phone',

    async pay(parameters): Promise<PayAnswer> {
      if (kind === 'phone') return answerOf((await onPhone().call<{ errMsg: string }>('pay', { parameters })).errMsg)
      if (kind !== 'oa') throw new PlatformError('pay_unavailable')
      return answerOf(await invokeWechat(parameters))
    },
    canPay: () => kind === 'phone' || kind === 'oa',

    async openUrl(url) {
      if (bridge !== null) await bridge.call('open', { url })
      else window.location.href = url
    },
    openSettings: () => undefined,
    setTitle(text) {
      document.title = title = text
      tellTitle()
    },
    setLanguage(language) {
      document.documentElement.lang = language
    },
    onBack(handler) {
      goBack = handler
    },
    store,
  }
}

interface WechatBridge {
  invoke(name: string, args: unknown, told: (answer: { err_msg?: string }) => void): void
}

/** The cashier of WeChat's browser; its bridge may come later than the page. */
function invokeWechat(parameters: PayParameters): Promise<string> {
  return new Promise((resolve) => {
    const go = () => {
      const bridge = (window as unknown as { WeixinJSBridge: WechatBridge }).WeixinJSBridge
      bridge.invoke('getBrandWCPayRequest', parameters, (answer) => resolve(answer.err_msg ?? ''))
    }
    if ('WeixinJSBridge' in window) go()
    else document.addEventListener('WeixinJSBridgeReady', go, { once: true })
  })
}

/** `requestPayment:ok` of a mini program, `get_brand_wcpay_request:ok` of the browser. Raises PlatformError. */
function answerOf(told: string): PayAnswer {
  if (told.endsWith(':ok')) return 'done'
  if (told.includes('cancel')) return 'cancelled'
  throw new PlatformError('pay')
}

/** Enter and the space bar press what is not a native button (uni-app draws its own). */
function pressByKeyboard(): void {
  document.addEventListener('keydown', (event) => {
    const on = event.target as HTMLElement
    if ((event.key !== 'Enter' && event.key !== ' ') || !on.matches('[role=button], [role=tab]')) return
    event.preventDefault()
    on.click()
  })
}

/** Give uni-app's inputs the name that stands beside them: its labels are no labels to a screen reader. */
function nameInputs(): void {
  const name = (): void => {
    for (const input of document.querySelectorAll('uni-input input')) {
      const beside = input.closest('uni-label')?.querySelector('.label')?.textContent
      const text = beside ?? input.closest('uni-input')?.getAttribute('aria-label') ?? ''
      if (text && input.getAttribute('aria-label') !== text) input.setAttribute('aria-label', text)
    }
  }
  new MutationObserver(name).observe(document.documentElement, { childList: true, subtree: true, characterData: true })
}

/** To the authorization page; where we were is kept with the random state (RFC 6749 §10.12). */
function leave(site: Site, appId: string, merchant: string): void {
  const random = crypto.getRandomValues(new Uint8Array(16))
  const state = Array.from(random, (byte) => byte.toString(16).padStart(2, '0')).join('')
  sessionStorage.setItem(OAUTH, JSON.stringify({ state, hash: window.location.hash }))
  const back = `${window.location.origin}${window.location.pathname}?m=${encodeURIComponent(merchant)}`
  const query = `appid=${appId}&redirect_uri=${encodeURIComponent(back)}&response_type=code&scope=snsapi_userinfo`
  window.location.replace(`${site.authorize_url}?${query}&state=${state}#wechat_redirect`)
}

/** Whether this load is the way back from the authorization page; its code counts only with our own state. */
function comeBack(url: URL): { came: boolean; code: string } {
  const state = url.searchParams.get('state')
  const kept = state === null ? '' : read(OAUTH, sessionStorage)
  if (state === null || !kept) return { came: false, code: '' }
  sessionStorage.removeItem(OAUTH)
  const sent = JSON.parse(kept) as { state: string; hash: string }
  const code = sent.state === state ? (url.searchParams.get('code') ?? '') : ''
  url.searchParams.delete('state')
  url.searchParams.delete('code')
  window.history.replaceState(window.history.state, '', `${url.pathname}${url.search}${sent.hash}`)
  return { came: true, code }
}

function read(key: string, from: Storage = localStorage): string {
  try {
    return from.getItem(key) ?? ''
  } catch {
    return '' // storage may be closed in a frame
  }
}

function write(key: string, value: string): void {
  try {
    localStorage.setItem(key, value)
  } catch {
    return
  }
}

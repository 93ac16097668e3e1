import type { PayParameters, Site } from '@/api/types'

import type { Credential, Environment, PayAnswer, Platform, SubscribeAnswer } from './types'
import { PlatformError } from './types'

const ours = () => uni.getAccountInfoSync().miniProgram.appId

/** The WeChat mini program itself. */
export function createMini(): Platform {
  return {
    apiBase: __API__,
    phoneButton: true,
    hasSettings: true,

    async start(_fetchSite: (merchant: string) => Promise<Site>): Promise<Environment> {
      return { kind: 'mini', merchant: '', shop: '', language: uni.getLocale() }
    },

    credential(): Promise<Credential> {
      return new Promise((resolve, reject) => {
        uni.login({
          provider: 'weixin',
          success: (got) => resolve({ app_id: ours(), code: got.code }),
          fail: () => reject(new PlatformError('login')),
        })
      })
    },

    phoneCode: () => Promise.reject(new PlatformError('unavailable')),

    subscribe(templateIds: string[]): Promise<SubscribeAnswer> {
      return new Promise((resolve) => {
        const told = (answer: unknown) => resolve(answer as SubscribeAnswer)
        uni.requestSubscribeMessage({ tmplIds: templateIds, success: told, fail: told })
      })
    },
    canSubscribe: () => true,

    pay({ timeStamp, nonceStr, package: order, signType, paySign }: PayParameters): Promise<PayAnswer> {
      return new Promise((resolve, reject) => {
        uni.requestPayment({
          provider: 'wxpay',
          orderInfo: '',
          timeStamp,
          nonceStr,
          package: order,
          signType,
          paySign,
          success: () => resolve('done'),
          fail: (why: { errMsg?: string }) => {
            if (why.errMsg?.includes('cancel')) resolve('cancelled')
            else reject(new PlatformError('pay'))
          },
        })
      })
    },
    canPay: () => true,

    async openUrl() {
      throw new PlatformError('unavailable')
    },
    openSettings: () => uni.openSetting({ withSubscriptions: true } as UniApp.OpenSettingOptions),
    setTitle: (text) => uni.setNavigationBarTitle({ title: text }),
    setLanguage: () => undefined,
    onBack: () => undefined,

    store: {
      get: (key) => String(uni.getStorageSync(key) || ''),
      set: (key, value) => uni.setStorageSync(key, value),
    },
  }
}

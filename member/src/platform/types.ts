import type { PayParameters, Site } from '@/api/types'

/** Where the member centre runs. `phone` is the simulated phone of development, `browser` has no WeChat around it. */
export type Kind = 'mini' | 'oa' | 'phone' | 'browser'

export interface Environment {
  kind: Kind
  /** The merchant's number; empty in the mini program, which is known by its app id. */
  merchant: string
  shop: string
  language: string
}

export interface Credential {
  app_id: string
  code: string
}

/** What wx.requestSubscribeMessage gives: an answer by template id, or an error code. */
export interface SubscribeAnswer {
  errMsg: string
  errCode?: number
  [templateId: string]: string | number | undefined
}

/** What the person did in WeChat's cashier. Whether it was paid, only the server knows. */
export type PayAnswer = 'done' | 'cancelled'

export interface Store {
  get(key: string): string
  set(key: string, value: string): void
}

/** The person, the phone or the platform said no; `code` is a key below `platform.` in the texts. */
export class PlatformError extends Error {
  constructor(readonly code: 'denied' | 'login' | 'unavailable' | 'pay' | 'pay_unavailable') {
    super(code)
  }
}

export interface Platform {
  /** Where API calls go; empty for the page's own origin. */
  readonly apiBase: string
  /** Whether the phone number comes by a button of WeChat (`open-type="getPhoneNumber"`). */
  readonly phoneButton: boolean
  /** Whether WeChat's own settings page can be opened from here. */
  readonly hasSettings: boolean
  start(fetchSite: (merchant: string) => Promise<Site>): Promise<Environment>
  /** A code to log in with. H5 inside WeChat leaves the page for it, so it may never resolve. */
  credential(): Promise<Credential>
  /** The phone number's code where no button of WeChat gives it. */
  phoneCode(): Promise<string>
  /** Ask the person to accept messages. Must be called from a tap. */
  subscribe(templateIds: string[]): Promise<SubscribeAnswer>
  canSubscribe(): boolean
  /** Open WeChat's cashier. Raises PlatformError where there is none, or when WeChat refuses the payment. */
  pay(parameters: PayParameters): Promise<PayAnswer>
  canPay(): boolean
  openUrl(url: string): Promise<void>
  openSettings(): void
  setTitle(text: string): void
  /** The language of what is shown, for readers of the page. */
  setLanguage(language: string): void
  /** The phone's back key, where it is outside the page: `handler` says whether it went back. */
  onBack(handler: () => boolean): void
  store: Store
}

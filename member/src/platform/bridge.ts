/** Calls to the simulated phone that frames this page (H5 only). Only the simulator's own origin is heard. */

const HELLO_WITHIN_MS = 2000

export interface Hello {
  kind: 'mini' | 'web'
  appid: string
  language: string
}

interface Reply {
  wesim?: number
  id?: number
  call?: string
  ok?: boolean
  value?: unknown
  error?: string
}

export class Bridge {
  private last = 0
  private readonly waiting = new Map<number, { resolve: (value: never) => void; reject: (why: Error) => void }>()
  back: () => void = () => undefined

  constructor(private readonly origin: string) {
    window.addEventListener('message', (event: MessageEvent<Reply>) => this.heard(event))
  }

  call<T>(name: string, args: Record<string, unknown> = {}): Promise<T> {
    const id = ++this.last
    return new Promise<T>((resolve, reject) => {
      this.waiting.set(id, { resolve, reject })
      window.parent.postMessage({ ...args, wesim: 1, id, call: name }, this.origin)
    })
  }

  /** Who frames us; null when nobody answers in time. */
  hello(): Promise<Hello | null> {
    const silence = new Promise<null>((resolve) => setTimeout(() => resolve(null), HELLO_WITHIN_MS))
    return Promise.race([this.call<Hello>('hello'), silence])
  }

  private heard(event: MessageEvent<Reply>): void {
    const told = event.data
    if (event.origin !== this.origin || event.source !== window.parent || told?.wesim !== 1) return
    if (told.call === 'back') return this.back()
    const waits = this.waiting.get(told.id ?? 0)
    if (!waits) return
    this.waiting.delete(told.id ?? 0)
    if (told.ok) waits.resolve(told.value as never)
    else waits.reject(new Error(told.error ?? ''))
  }
}

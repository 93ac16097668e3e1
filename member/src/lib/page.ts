/** What every page does: title, loading, failures, pull to refresh, waiting for the login. */

import { onPullDownRefresh, onShow } from '@dcloudio/uni-app'
import { computed, ref, watch } from 'vue'

import { language, t } from '@/i18n'
import { platform } from '@/platform'
import { told, useSession } from '@/session'

export type Phase = 'loading' | 'ready' | 'failed' | 'outside' | 'join'

interface Options {
  open?: boolean
  still?: boolean
  /** Where the page comes from, when its address lacks what it is about (a link that was cut, U-13); else empty. */
  elsewhere?: () => string
}

/** `load` fetches what the page shows; with `open` it also runs for a visitor who has not joined. */
export function usePage(name: string, load: () => Promise<void>, options: Options = {}) {
  const session = useSession()
  const phase = ref<Phase>('loading')
  const failure = ref('')

  async function refresh(): Promise<void> {
    const elsewhere = options.elsewhere?.()
    if (elsewhere) {
      uni.redirectTo({ url: `/${elsewhere}` })
      return
    }
    try {
      if (session.me === null) await session.loadMe()
      if (session.outside) phase.value = 'outside'
      else if (!options.open && session.member === null) phase.value = 'join'
      else {
        await load()
        phase.value = 'ready'
      }
    } catch (error) {
      if (phase.value === 'ready') uni.showToast({ title: told(error), icon: 'none' })
      else {
        failure.value = told(error)
        phase.value = 'failed'
      }
    } finally {
      if (!options.still) uni.stopPullDownRefresh()
    }
  }

  function retry(): void {
    phase.value = 'loading'
    void refresh()
  }

  const entitle = () => platform.setTitle(t(`title.${name}`))
  onShow(() => {
    entitle()
    void refresh()
  })
  onPullDownRefresh(() => void refresh())
  watch(language, entitle)
  watch(
    () => session.member?.id,
    (id) => {
      if (id && (phase.value === 'join' || phase.value === 'outside')) retry()
      else if (id && phase.value === 'ready') void refresh() // a visitor has joined on this very page
    },
  )
  return { session, phase: computed(() => phase.value), failure: computed(() => failure.value), refresh, retry }
}

/** The address of the page that is shown, with its query. */
export function here(): string {
  const pages = getCurrentPages()
  const top = pages[pages.length - 1] as unknown as { route?: string; options?: Record<string, string> } | undefined
  const query = Object.entries(top?.options ?? {}).map(([name, value]) => `${name}=${value}`)
  return `${top?.route ?? 'pages/index/index'}${query.length > 0 ? `?${query.join('&')}` : ''}`
}

export function goTo(page: string): void {
  uni.navigateTo({ url: `/${page}` })
}

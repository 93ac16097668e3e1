/** Asking for a code: one button, a countdown, and what went wrong. */

import { computed, onUnmounted, ref } from 'vue'

import { askCode, type Purpose } from '@/api/entry'
import { t } from '@/i18n'
import { told, useSession } from '@/session'

export const isMobile = (phone: string): boolean => /^1[3-9]\d{9}$/.test(phone)

export function useCode(purpose: () => Purpose) {
  const session = useSession()
  const waits = ref(0)
  const busy = ref(false)
  const failure = ref('')
  const note = ref('')
  let ticking: ReturnType<typeof setInterval> | undefined

  function stop(): void {
    clearInterval(ticking)
    waits.value = 0
  }

  function count(seconds: number): void {
    stop()
    waits.value = seconds
    ticking = setInterval(() => {
      waits.value -= 1
      if (waits.value <= 0) stop()
    }, 1000)
  }

  async function ask(phone: string): Promise<void> {
    if (busy.value || waits.value > 0) return
    failure.value = note.value = ''
    if (!isMobile(phone)) {
      failure.value = t('enter.bad_phone')
      return
    }
    busy.value = true
    try {
      const asked = await askCode(purpose(), session.environment?.merchant ?? '', phone, () => {
        note.value = t('enter.proof')
      })
      note.value = t('enter.sent', { minutes: asked.minutes })
      count(asked.again_s)
    } catch (error) {
      note.value = ''
      failure.value = told(error)
    } finally {
      busy.value = false
    }
  }

  onUnmounted(stop)
  const label = computed(() => (waits.value > 0 ? t('enter.again', { seconds: waits.value }) : t('enter.ask')))
  return { ask, busy, failure, note, label, waits, stop }
}

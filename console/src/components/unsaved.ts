import { computed, onBeforeUnmount, onMounted, ref, type ComputedRef } from 'vue'
import { onBeforeRouteLeave, onBeforeRouteUpdate } from 'vue-router'
import { me } from '@/api/session'
import { t } from '@/i18n'
import { confirmDanger } from './confirm'

/** Ask before what somebody typed is thrown away, by closing its dialog or by leaving the page. */
export const mayDiscard = (by: 'close' | 'leave'): Promise<boolean> =>
  confirmDanger({ title: t('common.unsaved.title'), text: t(`common.unsaved.text.${by}`), action: t(`common.unsaved.action.${by}`) })

/** Ask before another page takes the place of this one while `dirty` says so; the browser asks when its window goes (U-15). */
export function useLeaveGuard(dirty: () => boolean): void {
  // Who has logged out has nothing left to save.
  const asked = (): Promise<boolean> | boolean => !dirty() || me.value === null || mayDiscard('leave')
  onBeforeRouteLeave(asked)
  // The same page of another thing; filters in the address are no other page.
  onBeforeRouteUpdate((to, from) => to.path === from.path || asked())
  const onUnload = (event: BeforeUnloadEvent): void => {
    if (dirty()) event.preventDefault()
  }
  onMounted(() => window.addEventListener('beforeunload', onUnload))
  onBeforeUnmount(() => window.removeEventListener('beforeunload', onUnload))
}

/**
 * Whether a page's input differs from what is saved, with the guard. `settled` is called when both are the same: after
 * what is saved was read into the form, and after it was saved.
 */
export function useUnsaved(input: () => unknown): { dirty: ComputedRef<boolean>; settled: () => void } {
  const before = ref(JSON.stringify(input()))
  const dirty = computed(() => JSON.stringify(input()) !== before.value)
  useLeaveGuard(() => dirty.value)
  return {
    dirty,
    settled() {
      before.value = JSON.stringify(input())
    },
  }
}

/** What stands in the fields of a part of the page, as one text: to tell whether somebody changed anything in it. */
export function fieldsOf(part: HTMLElement): string {
  const fields = [...part.querySelectorAll<HTMLInputElement | HTMLTextAreaElement>('input, textarea')].map((field) =>
    field instanceof HTMLInputElement && (field.type === 'checkbox' || field.type === 'radio') ? String(field.checked) : field.value,
  )
  const chosen = [...part.querySelectorAll('.el-select__selected-item')].map((item) => item.textContent)
  return JSON.stringify([fields, chosen])
}

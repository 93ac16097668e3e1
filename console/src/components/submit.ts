import { reactive, ref } from 'vue'
import { Problem } from '@/api/problem'
import { told } from './notify'

/**
 * Sends a form: busy while it does, refusals beside the fields they are about, others as a message.
 * `fields` are the names the form shows errors for.
 */
export function useSubmit(fields: readonly string[] = []) {
  const busy = ref(false)
  const errors = reactive<Record<string, string>>({})

  function clear(): void {
    for (const name of Object.keys(errors)) delete errors[name]
  }

  /** True when it worked. */
  async function submit(work: () => Promise<unknown>): Promise<boolean> {
    if (busy.value) return false
    busy.value = true
    clear()
    try {
      await work()
      return true
    } catch (refusal) {
      if (!(refusal instanceof Problem)) throw refusal
      const shown = refusal.fields.filter((field) => fields.includes(field.where))
      for (const field of shown) errors[field.where] = field.message
      if (!shown.length) told(refusal)
      return false
    } finally {
      busy.value = false
    }
  }

  return { busy, errors, submit, clear }
}

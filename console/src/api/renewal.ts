import { ref } from 'vue'

/** A login that ended while somebody works is asked for once, however many calls find it out; they all wait for the answer. */
export const expired = ref(false)

let waiting: Promise<boolean> | null = null
let answer: (renewed: boolean) => void = () => undefined

/** Whether the same person has logged in again. */
export function renewed(): Promise<boolean> {
  waiting ??= new Promise<boolean>((resolve) => {
    answer = resolve
    expired.value = true
  })
  return waiting
}

export function answered(yes: boolean): void {
  expired.value = false
  waiting = null
  answer(yes)
}

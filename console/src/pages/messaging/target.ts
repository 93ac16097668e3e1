import { provide, ref, type InjectionKey, type Ref } from 'vue'

export type Insert = (key: string) => void

export const TARGET: InjectionKey<Ref<Insert | null>> = Symbol('where a variable library writes')

/** The field that was written in last: the library beside the form puts variables there. */
export function provideTarget(): Ref<Insert | null> {
  const target = ref<Insert | null>(null) as Ref<Insert | null>
  provide(TARGET, target)
  return target
}

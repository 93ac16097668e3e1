import { computed, shallowRef } from 'vue'
import { api, read, setCsrf } from './client'
import { Problem } from './problem'
import type { Schema } from './types'

export type Me = Schema<'Me'>

export const me = shallowRef<Me | null>(null)
export const isOperator = computed(() => me.value?.kind === 'operator')

/** Whether the person may do this; an empty permission is everybody's. */
export function may(permission: string | undefined): boolean {
  if (!permission) return true
  const granted = me.value?.may ?? []
  return granted.includes('*') || granted.includes(permission)
}

function adopt(answer: Me): void {
  me.value = answer
  setCsrf(answer.csrf_token)
}

export function forget(): void {
  me.value = null
  setCsrf('')
}

/** Who is logged in, asked once; null for nobody. */
export async function known(): Promise<Me | null> {
  if (me.value) return me.value
  try {
    adopt(await read(api.GET('/api/console/me')))
  } catch (refusal) {
    if (!(refusal instanceof Problem) || refusal.status !== 401) throw refusal
  }
  return me.value
}

/** `totp` is empty without a second factor, `new_password` when the password is one's own already. */
export async function logIn(body: { login: string; password: string; totp: string; new_password: string }): Promise<void> {
  await read(api.POST('/api/console/login', { body }))
  adopt(await read(api.GET('/api/console/me')))
}

export async function logOut(): Promise<void> {
  await api.POST('/api/console/logout')
  forget()
}

import { ElMessage } from 'element-plus/es/components/message/index'
import { Problem } from '@/api/problem'
import { t } from '@/i18n'

/** Say that something worked. */
export function done(text: string): void {
  ElMessage({ type: 'success', message: text, duration: 2500 })
}

/** Say why something did not work. Raises what is no refusal of the server: it is a fault of this page. */
export function told(refusal: unknown): void {
  if (!(refusal instanceof Problem)) throw refusal
  const trail = refusal.status >= 500 && refusal.requestId ? t('common.error.trail', { id: refusal.requestId }) : ''
  ElMessage({ type: 'error', message: refusal.message + trail, duration: 5000, showClose: true })
}

import { ElMessage } from 'element-plus/es/components/message/index'
import { h } from 'vue'
import { Problem } from '@/api/problem'
import { t } from '@/i18n'

const CHANGED = 'request.changed_meanwhile'

/** Say that something worked. */
export function done(text: string): void {
  ElMessage({ type: 'success', message: text, duration: 2500 })
}

/** Say why something did not work. Raises what is no refusal of the server: it is a fault of this page. */
export function told(refusal: unknown): void {
  if (!(refusal instanceof Problem)) throw refusal
  if (refusal.code === CHANGED) return reloadOffered(refusal.message)
  const trail = refusal.status >= 500 && refusal.requestId ? t('common.error.trail', { id: refusal.requestId }) : ''
  ElMessage({ type: 'error', message: refusal.message + trail, duration: 5000, showClose: true })
}

/** What is saved is not what this page shows any more: say so until it is closed, and offer to load it again. */
function reloadOffered(text: string): void {
  const again = h('button', { type: 'button', class: 'el-button el-button--primary is-link', onClick: () => location.reload() }, t('common.reload'))
  ElMessage({ type: 'error', message: h('span', [text, ' ', again]), duration: 0, showClose: true, grouping: false })
}

import { ElMessageBox } from 'element-plus/es/components/message-box/index'
import { t } from '@/i18n'

export interface Danger {
  title: string
  /** What will happen, with the name of the thing and how many are touched. */
  text: string
  /** The verb on the button. */
  action: string
  /** For what is usual, not dangerous: a green button. */
  harmless?: boolean
}

/** Ask before what cannot be undone. True when the person agreed. */
export async function confirmDanger(danger: Danger): Promise<boolean> {
  try {
    await ElMessageBox.confirm(danger.text, danger.title, {
      confirmButtonText: danger.action,
      cancelButtonText: t('common.cancel'),
      confirmButtonClass: danger.harmless ? '' : 'el-button--danger',
      customClass: 'confirm-danger',
      type: danger.harmless ? '' : 'warning',
      autofocus: false,
    })
    return true
  } catch {
    return false
  }
}

/** The tabs of 应用 / 消息通知 in their order; one appears when its page exists. */
export const TABS = ['notify-buyers', 'notify-sellers', 'notify-templates', 'notify-sms-purchase', 'notify-sms-signature'] as const

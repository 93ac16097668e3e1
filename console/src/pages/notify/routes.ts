import { BellFilled } from '@element-plus/icons-vue'
import type { Area } from '@/areas'

const may = 'messaging.view'
const title = 'notify.title'
const under = 'notify'

export default {
  routes: [
    {
      path: 'notify',
      name: 'notify',
      component: () => import('./NotifyShell.vue'),
      redirect: { name: 'notify-buyers' },
      meta: { title, may },
      children: [
        { path: 'sms-purchase', name: 'notify-sms-purchase', component: () => import('./SmsPurchasePage.vue'), meta: { title: 'buying.title', may, under } },
        { path: 'sms-signature', name: 'notify-sms-signature', component: () => import('./SmsSignaturePage.vue'), meta: { title: 'signs.title', may, under } },
        { path: 'buyers', name: 'notify-buyers', component: () => import('./BuyersPage.vue'), meta: { title, may, under } },
        {
          path: 'buyers/:code',
          name: 'notify-notice',
          component: () => import('./NoticeScenarioPage.vue'),
          props: (route) => ({ code: route.params.code, families: ['buyer', 'marketing'], back: 'notify-buyers' }),
          meta: { title, may, under, tab: 'notify-buyers' },
        },
        { path: 'sellers', name: 'notify-sellers', component: () => import('./SellersPage.vue'), meta: { title, may, under } },
        {
          path: 'sellers/:code',
          name: 'notify-seller-notice',
          component: () => import('./NoticeScenarioPage.vue'),
          props: (route) => ({ code: route.params.code, families: ['seller'], back: 'notify-sellers' }),
          meta: { title, may, under, tab: 'notify-sellers' },
        },
        { path: 'templates', name: 'notify-templates', component: () => import('./TemplatesPage.vue'), meta: { title, may, under } },
      ],
    },
  ],
  menu: [{ group: 'apps', order: 1, route: 'notify', label: title, icon: BellFilled }],
} satisfies Area

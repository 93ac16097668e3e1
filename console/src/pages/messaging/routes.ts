import { Bell, ChatDotRound, ChatLineSquare, Memo, Message, Tickets } from '@element-plus/icons-vue'
import type { Area } from '@/areas'

const may = 'messaging.view'

export default {
  routes: [
    { path: 'notices', name: 'notices', component: () => import('./NoticeListPage.vue'), meta: { title: 'notices.list.title', may } },
    {
      path: 'notices/:code',
      name: 'notice',
      component: () => import('./NoticePage.vue'),
      props: true,
      meta: { title: 'notices.list.title', may, under: 'notices' },
    },
    { path: 'subscribe-push', name: 'subscribe-push', component: () => import('./SubscribePage.vue'), meta: { title: 'push.subscribe.title', may } },
    {
      path: 'my-templates',
      name: 'my-templates',
      component: () => import('./MyTemplatesPage.vue'),
      meta: { title: 'templates.title', may, under: 'subscribe-push' },
    },
    { path: 'sms', name: 'sms', component: () => import('./SmsPage.vue'), meta: { title: 'sms.title', may } },
    { path: 'template-push', name: 'template-push', component: () => import('./TemplatePushPage.vue'), meta: { title: 'push.template.title', may } },
    { path: 'deliveries', name: 'deliveries', component: () => import('./DeliveriesPage.vue'), meta: { title: 'deliveries.all.title', may } },
    {
      path: 'sms-records',
      name: 'sms-records',
      component: () => import('./DeliveriesPage.vue'),
      props: { only: 'sms' },
      meta: { title: 'deliveries.sms.title', may },
    },
  ],
  menu: [
    { group: 'micro', order: 1, route: 'notices', label: 'notices.list.title', icon: Bell },
    { group: 'micro', order: 2, route: 'subscribe-push', label: 'push.subscribe.title', icon: ChatDotRound },
    { group: 'micro', order: 3, route: 'sms', label: 'sms.title', icon: Message },
    { group: 'micro', order: 4, route: 'template-push', label: 'push.template.title', icon: ChatLineSquare },
    { group: 'micro', order: 5, route: 'deliveries', label: 'deliveries.all.title', icon: Tickets },
    { group: 'micro', order: 6, route: 'sms-records', label: 'deliveries.sms.title', icon: Memo },
  ],
} satisfies Area

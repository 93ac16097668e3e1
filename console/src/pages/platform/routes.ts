import { Bell, ChatLineSquare, DataLine, Goods, OfficeBuilding, Stamp } from '@element-plus/icons-vue'
import type { Area } from '@/areas'

export default {
  routes: [
    {
      path: 'platform/merchants',
      name: 'merchants',
      component: () => import('./MerchantListPage.vue'),
      meta: { title: 'platform.merchants.title', for: 'operator' },
    },
    {
      path: 'platform/merchants/:id(\\d+)',
      name: 'merchant',
      component: () => import('./MerchantPage.vue'),
      props: true,
      meta: { title: 'platform.merchant.title', for: 'operator', under: 'merchants' },
    },
    {
      path: 'platform/sms',
      name: 'platform-sms',
      component: () => import('./SmsPlatformPage.vue'),
      meta: { title: 'gateway.title', for: 'operator' },
    },
    {
      path: 'platform/sms/packages',
      name: 'platform-sms-packages',
      component: () => import('./SmsPackagesPage.vue'),
      meta: { title: 'smsdesk.packages.title', for: 'operator' },
    },
    {
      path: 'platform/sms/usage',
      name: 'platform-sms-usage',
      component: () => import('./SmsUsagePage.vue'),
      meta: { title: 'smsdesk.usage.title', for: 'operator' },
    },
    {
      path: 'platform/reviews',
      name: 'reviews',
      component: () => import('./ReviewListPage.vue'),
      meta: { title: 'reviews.title', for: 'operator' },
    },
    {
      path: 'platform/notice-rules',
      name: 'notice-rules',
      component: () => import('./NoticeRulesPage.vue'),
      meta: { title: 'notify.rules.title', for: 'operator' },
    },
  ],
  menu: [
    { group: 'platform', order: 1, route: 'merchants', label: 'platform.merchants.title', icon: OfficeBuilding },
    { group: 'system', order: 1, route: 'platform-sms', label: 'gateway.title', icon: ChatLineSquare },
    { group: 'system', order: 2, route: 'reviews', label: 'reviews.title', icon: Stamp },
    { group: 'system', order: 3, route: 'platform-sms-packages', label: 'smsdesk.packages.title', icon: Goods },
    { group: 'system', order: 4, route: 'platform-sms-usage', label: 'smsdesk.usage.title', icon: DataLine },
    { group: 'system', order: 5, route: 'notice-rules', label: 'notify.rules.title', icon: Bell },
  ],
} satisfies Area

import { Coin, Ticket, User } from '@element-plus/icons-vue'
import type { Area } from '@/areas'

export default {
  routes: [
    {
      path: 'members',
      name: 'members',
      component: () => import('./MemberListPage.vue'),
      meta: { title: 'members.list.title', may: 'members.view' },
    },
    {
      path: 'members/:id',
      name: 'member',
      component: () => import('./MemberPage.vue'),
      props: true,
      meta: { title: 'members.detail.title', may: 'members.view', under: 'members' },
    },
    {
      path: 'coupons',
      name: 'coupons',
      component: () => import('./CouponListPage.vue'),
      meta: { title: 'coupons.list.title', may: 'coupons.redeem' },
    },
    {
      path: 'coupons/:id',
      name: 'coupon-template',
      component: () => import('./CouponPage.vue'),
      props: true,
      meta: { title: 'coupons.detail.title', may: 'coupons.view', under: 'coupons' },
    },
    {
      path: 'loyalty',
      name: 'loyalty',
      component: () => import('./LoyaltyPage.vue'),
      meta: { title: 'loyalty.title', may: 'loyalty.view' },
    },
  ],
  menu: [
    { group: 'members', order: 1, route: 'members', label: 'members.list.title', icon: User },
    { group: 'members', order: 2, route: 'coupons', label: 'coupons.list.title', icon: Ticket },
    { group: 'members', order: 3, route: 'loyalty', label: 'loyalty.title', icon: Coin },
  ],
} satisfies Area

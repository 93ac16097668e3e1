import { User } from '@element-plus/icons-vue'
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
  ],
  menu: [{ group: 'members', order: 1, route: 'members', label: 'members.list.title', icon: User }],
} satisfies Area

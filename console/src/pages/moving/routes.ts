import type { Area } from '@/areas'

export default {
  routes: [
    {
      path: 'members/import',
      name: 'imports',
      component: () => import('./ImportListPage.vue'),
      meta: { title: 'moving.title', may: 'members.import', under: 'members' },
    },
    {
      path: 'members/import/:id',
      name: 'import',
      component: () => import('./ImportPage.vue'),
      props: true,
      meta: { title: 'moving.title', may: 'members.import', under: 'members' },
    },
  ],
  menu: [],
} satisfies Area

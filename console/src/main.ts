import { VueQueryPlugin, QueryClient } from '@tanstack/vue-query'
import { createApp } from 'vue'
import 'element-plus/theme-chalk/el-message.css'
import 'element-plus/theme-chalk/el-message-box.css'
import './styles/theme.css'
import './styles/element.css'
import App from './App.vue'
import { whenLoggedOut } from './api/client'
import { Problem } from './api/problem'
import { forget, me } from './api/session'
import { i18n, speak, wanted } from './i18n'
import { router, toLogin } from './router'

const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      refetchOnWindowFocus: false,
      retry: (times, error) => times < 1 && !(error instanceof Problem && error.status >= 400 && error.status < 500),
    },
  },
})

whenLoggedOut(
  () => {
    forget()
    queries.clear()
    toLogin()
  },
  () => me.value !== null && router.currentRoute.value.name !== 'login',
)

await speak(wanted())
createApp(App).use(i18n).use(router).use(VueQueryPlugin, { queryClient: queries }).mount('#app')

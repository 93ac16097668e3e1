import { existsSync, readdirSync } from 'node:fs'
import { fileURLToPath, URL } from 'node:url'
import vue from '@vitejs/plugin-vue'
import Components from 'unplugin-vue-components/vite'
import { ElementPlusResolver } from 'unplugin-vue-components/resolvers'
import { defineConfig } from 'vitest/config'

const server = process.env.HUIDA_URL ?? 'http://127.0.0.1:8800'

/** Styles of all components, for dev: without them every page opened for the first time would be a bundle and a reload. */
function styles(): string[] {
  const folder = fileURLToPath(new URL('./node_modules/element-plus/es/components', import.meta.url))
  if (!existsSync(folder)) return []
  return readdirSync(folder)
    .filter((name) => existsSync(`${folder}/${name}/style/css.mjs`))
    .map((name) => `element-plus/es/components/${name}/style/css`)
}

export default defineConfig({
  base: '/console/',
  plugins: [vue(), Components({ dirs: [], dts: false, resolvers: [ElementPlusResolver()] })],
  resolve: { alias: { '@': fileURLToPath(new URL('./src', import.meta.url)) } },
  build: { outDir: '../huida/static/console', emptyOutDir: true, target: 'es2022', cssCodeSplit: false, chunkSizeWarningLimit: 900 },
  optimizeDeps: { include: ['element-plus/es', ...styles()] },
  server: { host: '127.0.0.1', proxy: { '/api': server, '/callbacks': server } },
  preview: { host: '127.0.0.1', proxy: { '/api': server, '/callbacks': server } },
  test: { environment: 'happy-dom', include: ['tests/**/*.test.ts'], server: { deps: { inline: ['element-plus'] } } },
})

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import uni from '@dcloudio/vite-plugin-uni'
import { defineConfig, type Plugin } from 'vite'

/** The mini program's app id comes from the environment, so that no merchant's id is in the source. */
function appId(): Plugin {
  return {
    name: 'huida-app-id',
    enforce: 'post',
    closeBundle() {
      const wanted = process.env.HUIDA_MINI_APPID
      const file = join(process.env.UNI_OUTPUT_DIR ?? '', 'project.config.json')
      if (!wanted || !existsSync(file)) return
      writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), appid: wanted }, null, 2))
    },
  }
}

/** uni-app's style sheet fetches a shadow for a bar that we do not show from its maker's servers: pages call nobody. */
function callNobody(): Plugin {
  return {
    name: 'huida-call-nobody',
    enforce: 'post',
    generateBundle(_, bundle) {
      for (const file of Object.values(bundle)) {
        if (file.type !== 'asset' || !file.fileName.endsWith('.css')) continue
        const css = typeof file.source === 'string' ? file.source : new TextDecoder().decode(file.source)
        file.source = css.replace(/url\(\s*["']?https?:[^)]*\)/g, 'none')
      }
    },
  }
}

/** uni-app gives mini programs a vue-i18n without its message compiler; ours interprets messages, so the whole one fits. */
function wholeI18n(): Plugin {
  return {
    name: 'huida-whole-i18n',
    enforce: 'post',
    config: () => ({ resolve: { alias: { 'vue-i18n': require.resolve('vue-i18n/dist/vue-i18n.esm-bundler.js') } } }),
  }
}

export default defineConfig({
  plugins: [uni(), appId(), callNobody(), wholeI18n()],
  build: { emptyOutDir: true },
  define: {
    __API__: JSON.stringify((process.env.HUIDA_API ?? 'http://127.0.0.1:8800').replace(/\/+$/, '')),
    // Mini programs forbid code made from strings: messages are interpreted, not compiled.
    __INTLIFY_JIT_COMPILATION__: true,
    __VUE_I18N_LEGACY_API__: false,
    __VUE_I18N_FULL_INSTALL__: false,
    __INTLIFY_PROD_DEVTOOLS__: false,
  },
})

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

export default defineConfig({
  plugins: [uni(), appId()],
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

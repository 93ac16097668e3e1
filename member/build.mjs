/**
 * Builds one target: `node build.mjs h5` or `node build.mjs mini`. With CI set, uni-app asks its maker's servers for
 * nothing; what it says is shown only when it fails, as it ends well even with some errors of the compiler.
 */

import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

const TARGETS = {
  h5: ['--outDir', '../huida/static/h5'],
  mini: ['-p', 'mp-weixin', '--outDir', 'dist/mini'],
}

const target = TARGETS[process.argv[2]]
if (!target) throw new Error(`targets: ${Object.keys(TARGETS).join(', ')}`)
const uni = join(dirname(createRequire(import.meta.url).resolve('@dcloudio/vite-plugin-uni/package.json')), 'bin', 'uni.js')
const done = spawnSync(process.execPath, [uni, 'build', ...target], {
  env: { ...process.env, CI: '1' },
  encoding: 'utf8',
})
const said = `${done.stdout}${done.stderr}`
if (done.status !== 0 || !said.includes('Build complete')) {
  console.error(said)
  process.exit(done.status || 1)
}

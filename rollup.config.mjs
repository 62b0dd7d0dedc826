import { existsSync } from 'node:fs'
import resolve from '@rollup/plugin-node-resolve'
import terser from '@rollup/plugin-terser'
import { dts } from 'rollup-plugin-dts'
import ts from 'typescript'
import { publicNames } from './scripts/public-names.mjs'

// Types are checked by `npm run typecheck`; here they are only taken off, file by file (tsconfig has isolatedModules).
const compilerOptions = { target: 'ES2022', module: 'ESNext', verbatimModuleSyntax: true, sourceMap: true }
const stripped = new Map()
const stripTypes = {
  name: 'strip-types',
  transform(code, fileName) {
    if (!fileName.endsWith('.ts')) return null
    // Most files are in several bundles.
    const known = stripped.get(fileName)
    if (known?.code === code) return known.result
    const { outputText, sourceMapText } = ts.transpileModule(code, { fileName, compilerOptions })
    const result = { code: outputText.replace(/^\/\/# sourceMappingURL=.*$/m, ''), map: sourceMapText }
    stripped.set(fileName, { code, result })
    return result
  },
}
// Names of properties that are neither public nor the platform's are shortened (scripts/public-names.mjs).
const mangle = { properties: { reserved: publicNames(), keep_quoted: true } }
// `module` also drops unused top-level names, which for a script would be its global.
const minify = (module) => terser({ ecma: 2020, module, toplevel: module, compress: { passes: 3 }, mangle })
const banner = '/*! holdfast, MIT */'
const peers = [/^node:/, /^holdfast($|\/)/, 'ws', 'eventemitter3', 'jose', 'redis', 'prom-client']

/** A build of `inputs`, without those that do not exist. */
function build(inputs, output, { external = peers, plugins = [stripTypes, resolve()] } = {}) {
  const input = Object.fromEntries(Object.entries(inputs).filter(([, file]) => existsSync(file)))
  const names = { entryFileNames: '[name].js', chunkFileNames: 'shared-[name].js' }
  const plain = { minifyInternalExports: false, hoistTransitiveImports: false }
  if (Object.keys(input).length === 0) return []
  return [{ input, external, plugins, output: { ...names, ...plain, sourcemap: true, ...output } }]
}

const client = { index: 'src/index.ts', core: 'src/core.ts' }
const server = {
  server: 'src/server.ts',
  testing: 'src/testing.ts',
  jwt: 'src/integrations/jwt.ts',
  metrics: 'src/integrations/metrics.ts',
  redis: 'src/integrations/redis.ts',
}
const program = { cli: 'src/cli.ts' }
const bundled = (module) => ({ external: [], plugins: [stripTypes, resolve(), minify(module)] })

export default [
  ...build(client, { dir: 'dist' }),
  ...build({ ...server, ...program }, { dir: 'dist' }),
  ...build(
    { ...client, ...server },
    { dir: 'dist', entryFileNames: '[name].d.ts', chunkFileNames: 'shared-[name].d.ts', sourcemap: false },
    { plugins: [dts()] },
  ),
  ...build(
    { 'holdfast.min': 'src/index.ts' },
    { dir: 'dist', format: 'iife', name: 'holdfast', banner },
    bundled(false),
  ),
  // For `npm run size` only: what a bundler makes of the two usual imports.
  ...build({ 'index.min': 'src/index.ts' }, { dir: 'dist/size', sourcemap: false }, bundled(true)),
  ...build(
    { 'core-websocket.min': 'scripts/size/core-websocket.ts' },
    { dir: 'dist/size', sourcemap: false },
    bundled(true),
  ),
  ...build({ main: 'demo-server/main.ts' }, { dir: 'dist-demo' }),
]

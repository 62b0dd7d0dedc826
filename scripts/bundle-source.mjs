// Makes one file of a program in `src` and of all that it imports, packages too: Node 20 runs no TypeScript, and `dist` may be of yesterday.
import { writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'

const root = fileURLToPath(new URL('..', import.meta.url))

/** Resolves with the path of the file, which is in `folder`. */
export async function bundleSource(entry, folder) {
  await build({
    configFile: false,
    root,
    logLevel: 'error',
    ssr: { noExternal: true },
    build: { ssr: entry, outDir: folder, emptyOutDir: false, target: 'node20' },
  })
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
  return join(folder, basename(entry).replace(/\.ts$/, '.js'))
}

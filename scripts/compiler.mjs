// The compiler that checks types: TypeScript 7, which is a program of its own and ten times as fast. What needs the compiler as a
// library (the build, the API report) has TypeScript 6 for it.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const tsc = join(root, 'node_modules', '@typescript', 'native', 'bin', 'tsc')

/** Compiles the project in a folder, or of a tsconfig; what the compiler says, and whether all is well. Paths are from the checkout. */
export function compile(project) {
  const { stdout, stderr, status } = spawnSync(process.execPath, [tsc, '-p', project, '--pretty', 'false'], {
    cwd: root,
    encoding: 'utf8',
  })
  return { ok: status === 0, output: `${stdout}${stderr}`.trim() }
}

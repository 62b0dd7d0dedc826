import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import { findWebKit } from '../scripts/find-webkit.mjs'

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url))

const missing = (): string | undefined => {
  try {
    findWebKit()
    return undefined
  } catch (error) {
    if (process.env['CI']) throw error
    return error instanceof Error ? error.message : String(error)
  }
}
const reason = missing()
if (reason !== undefined) console.log(`not run: webkit (${reason})`)

export default defineConfig({
  root: at('..'),
  // As for users: `holdfast` is what was built.
  resolve: {
    alias: [
      { find: /^holdfast\/server$/, replacement: at('../dist/server.js') },
      { find: /^holdfast\/testing$/, replacement: at('../dist/testing.js') },
    ],
  },
  test: {
    include: reason === undefined ? ['webkit/**/*.test.ts'] : [],
    passWithNoTests: reason !== undefined,
    globalSetup: reason === undefined ? [at('display.ts')] : [],
    environment: 'node',
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Each worker has a browser of its own, which has several processes.
    maxWorkers: 2,
    reporters: process.env['CI'] ? ['verbose'] : ['default'],
  },
})

import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url))

export default defineConfig({
  resolve: {
    alias: [
      { find: /^holdfast$/, replacement: at('src/index.ts') },
      { find: /^holdfast\/core$/, replacement: at('src/core.ts') },
      { find: /^holdfast\/server$/, replacement: at('src/server.ts') },
      { find: /^holdfast\/jwt$/, replacement: at('src/integrations/jwt.ts') },
      { find: /^holdfast\/metrics$/, replacement: at('src/integrations/metrics.ts') },
      { find: /^holdfast\/testing$/, replacement: at('src/testing.ts') },
      { find: /^holdfast\/redis$/, replacement: at('src/integrations/redis.ts') },
    ],
  },
  test: {
    // x.test.ts is pure or on a fake clock; x.int.test.ts has a real hub on a free port, in middleboxes/ behind a real proxy.
    // Types: *.test-d.ts, by tsc.
    include: process.env['SOAK_MINUTES']
      ? ['src/testing/soak/*.soak.ts']
      : ['src/**/*.test.ts', 'demo-server/**/*.test.ts', 'middleboxes/**/*.test.ts'],
    environment: 'node',
    restoreMocks: true,
    unstubGlobals: true,
    testTimeout: 30_000,
    // For those that say `concurrent`: they wait more than they work.
    maxConcurrency: 16,
    // The summary line, and the failures; a name for every test under CI.
    reporters: process.env['CI'] ? ['verbose'] : ['default'],
  },
})

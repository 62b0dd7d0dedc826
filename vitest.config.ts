import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const { env } = process
const at = (path: string) => fileURLToPath(new URL(path, import.meta.url))

const INTEGRATION = '.int.test.ts'
/** A thousand clients with real durations: beside them, others that wait for deadlines would miss theirs. */
const CROWDS = ['src/testing/many-nodes/herd.int.test.ts']

/** The test files that do more in a full run: all that is left to do after an everyday one (`--rest` of scripts/test.mjs). */
const fuller = (): string[] =>
  ['src', 'middleboxes'].flatMap((folder) =>
    readdirSync(at(folder), { recursive: true, encoding: 'utf8' })
      .map((name) => `${folder}/${name.replaceAll('\\', '/')}`)
      .filter((file) => file.endsWith('.test.ts'))
      .filter((file) => /\['FULL'\]|testing\/fuzz\.ts/.test(readFileSync(at(file), 'utf8'))),
  )

// x.int.test.ts has a real hub on a free port, in middleboxes/ behind a real proxy; x.test.ts is pure or on a fake clock.
// Types: *.test-d.ts, by tsc.
const files =
  env['REST'] === '1' ? fuller() : ['{src,demo-server}/**/*.test.ts', '{src,demo-server,middleboxes}/**/*.int.test.ts']
const integration = files.filter((file) => file.endsWith(INTEGRATION))
const unit = files.filter((file) => !file.endsWith(INTEGRATION))

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
    environment: 'node',
    restoreMocks: true,
    unstubGlobals: true,
    testTimeout: 30_000,
    // More at once, and deadlines are missed on a machine with two cores.
    maxWorkers: 2,
    // For those that say `concurrent`: they wait more than they work.
    maxConcurrency: 16,
    // The summary line, and the failures; a name for every test under CI.
    reporters: env['CI'] ? ['verbose'] : ['default'],
    projects: env['SOAK_MINUTES']
      ? [{ extends: true, test: { name: 'soak', include: ['src/testing/soak/*.soak.ts'] } }]
      : [
          // First those that only compute; then those that wait for deadlines in parts of a second, and have the machine to themselves.
          // Nothing may read or set a prototype by the name `__proto__` (S11). Node's own HTTP server does, for a header of that name.
          {
            extends: true,
            test: {
              name: 'unit',
              include: unit,
              exclude: [`**/*${INTEGRATION}`],
              execArgv: ['--disable-proto=throw'],
              // Here and below: files share no state but that of modules, which have none that a test changes, and importing them anew for
              // each is a quarter of the processor's time.
              isolate: false,
            },
          },
          {
            extends: true,
            test: {
              name: 'integration',
              include: integration,
              exclude: CROWDS,
              execArgv: ['--disable-proto=delete'],
              isolate: false,
              sequence: { groupOrder: 1 },
            },
          },
          {
            extends: true,
            test: {
              name: 'crowds',
              include: CROWDS,
              execArgv: ['--disable-proto=delete'],
              maxWorkers: 1,
              sequence: { groupOrder: 2 },
            },
          },
        ],
  },
})

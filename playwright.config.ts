import { defineConfig } from '@playwright/test'
import type { PlaywrightTestConfig } from '@playwright/test'
import { findBrowser, findHeadlessChromium } from './scripts/find-browser.mjs'

const { env } = process
const full = env['FULL'] === '1'
// Only what an everyday run leaves out (`--rest` of scripts/test.mjs).
const rest = env['REST'] === '1'
// Tests tagged @real wait for real durations, those tagged @screenshots make pictures; @chromium: no other browser can, or need;
// @window: only a whole one can, for the headless shell has neither tabs that are hidden nor a back/forward cache.
const optIn = [...(env['REAL'] === '1' ? [] : ['@real']), ...(env['SCREENSHOTS'] === '1' ? [] : ['@screenshots'])]
const unwanted = new RegExp(optIn.join('|') || '(?!)')
// Which projects this run is about (workers inherit the answer), so that a run of one needs no other browser.
const fromArguments = process.argv.flatMap((arg, at) => {
  if (arg.startsWith('--project=')) return [arg.slice('--project='.length)]
  return process.argv[at - 1] === '--project' ? [arg] : []
})
const wanted = (env['HOLDFAST_PROJECTS'] ??= fromArguments.join(',')).split(',').filter(Boolean)
const isWanted = (name: string) => wanted.length === 0 || wanted.includes(name)

type Project = NonNullable<PlaywrightTestConfig['projects']>[number]

function chromium(): Project[] {
  if (!isWanted('chromium') && !isWanted('chromium-window')) return []
  const args = [
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ]
  if (process.getuid?.() === 0) args.push('--no-sandbox')
  // One process for all pages of a test: the first page that a tab has, an empty one, would else have a process for itself.
  const fewer = ['--process-per-site', '--renderer-process-limit=1']
  const project = (
    name: string,
    { executablePath }: { executablePath: string },
    grep: RegExp,
    more: string[] = [],
  ): Project => ({
    name,
    use: { browserName: 'chromium', launchOptions: { executablePath, args: [...args, ...more] } },
    grep,
  })
  return [
    // Half the time of a whole one.
    project('chromium', findHeadlessChromium(), rest ? /^(?!.*@window).*@real/s : /^(?!.*@window)/s, fewer),
    project('chromium-window', findBrowser('chromium'), rest ? /(?=.*@window)(?=.*@real)/s : /@window/),
  ].filter(({ name }) => isWanted(name ?? ''))
}

function firefox(): Project[] {
  if (!isWanted('firefox')) return []
  try {
    const { executablePath, bundled } = findBrowser('firefox')
    // A stock Firefox speaks WebDriver BiDi, which Playwright calls the moz-firefox channel.
    const channel = bundled ? {} : { channel: 'moz-firefox' }
    return [
      {
        name: 'firefox',
        use: { browserName: 'firefox', ...channel, launchOptions: { executablePath } },
        ...(full ? {} : { grep: /@smoke/ }),
        grepInvert: new RegExp(`${unwanted.source}|@chromium${rest ? '|@smoke' : ''}`),
      },
    ]
  } catch (error) {
    if (env['CI'] || wanted.includes('firefox')) throw error
    // Workers load this file too; one line is enough.
    const reason = `not run: firefox (${error instanceof Error ? error.message : String(error)})`
    if (env['HOLDFAST_NOT_RUN'] !== reason) console.log((env['HOLDFAST_NOT_RUN'] = reason))
    return []
  }
}

export default defineConfig({
  testDir: 'e2e',
  tsconfig: './tsconfig.e2e.json',
  // Emptied before each run; what other tests leave is beside it.
  outputDir: 'test-results/playwright',
  grepInvert: unwanted,
  fullyParallel: true,
  forbidOnly: Boolean(env['CI']),
  retries: 0,
  workers: 2,
  // A guard, which no test waits for: Firefox takes seconds for each tab on a busy machine.
  timeout: 60_000,
  reporter: 'list',
  // Traces cost a fifth of the time, and nobody fetches those of CI.
  use: { trace: env['CI'] ? 'off' : 'retain-on-failure' },
  projects: [...chromium(), ...firefox()],
})

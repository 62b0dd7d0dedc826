// What `npm test` runs: named steps, stopping at the first that fails. `--full`: every e2e test in both browsers, the tests that
// wait for real durations, the whole fault matrix, 10,000 seeds of the simulation, the soak, the mutants, and WebKitGTK.
// `--rest`: of a full run only what an everyday run on the same files has not just done.
// `--only <name>[,<name>]`: these steps alone; `--not <name>[,<name>]`: all but these.
import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { constants, setPriority } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs, stripVTControlCharacters } from 'node:util'
import { findBrowser } from './find-browser.mjs'
import { findWebKit } from './find-webkit.mjs'

const { values } = parseArgs({
  options: {
    full: { type: 'boolean', default: false },
    rest: { type: 'boolean', default: false },
    only: { type: 'string' },
    not: { type: 'string' },
  },
})
const full = values.full || values.rest
const root = fileURLToPath(new URL('..', import.meta.url))
const env = {
  ...process.env,
  PATH: join(root, 'node_modules', '.bin') + delimiter + (process.env.PATH ?? ''),
  ...(full && { FULL: '1', REAL: '1', FUZZ_RUNS: process.env.FUZZ_RUNS ?? '500' }),
  // The steps write into a pipe; a person at a terminal gets their colours all the same.
  ...(process.stdout.isTTY && { FORCE_COLOR: '1' }),
}
/** What tests leave to be told at the end of a full run. */
const bars = join(root, 'test-results', 'bars')
/** What the cells of their tables came to: a run of the rest goes on from it. */
const outcomes = join(root, 'test-results', 'outcomes')
/** Seeds of the simulation in a full run; each half is a process. */
const half = Math.ceil(Number(process.env.SEEDS ?? 10_000) / 2)
/** Lines of a failed step that are said again at its end, and failed tests with their reasons after all else: a cut log keeps its end. */
const LAST_LINES = 40
const FAILURE_LINES = 40
/** How Vitest and Playwright begin what they say of a test that failed, and what of it is too long for a summary: the code. */
const FAILURE = /^\s*(?:FAIL\s|\d+\) \[)/
const CODE = /^\s*>?\s*\d*\s*\||^\s*(?:Error Context:|⎯|$)/

/** For those that leave out by themselves what an everyday run has done. */
const suite = { live: true, env: values.rest ? { REST: '1' } : {} }

const chromium = { name: 'e2e-chromium', run: 'test:e2e', needsBuild: true, ...suite }
// What is left of them waits for minutes that a browser counts, and needs nothing that the everyday run has not built.
const waiting = values.rest ? [chromium] : []

const seeds = (number) => ({
  name: `seeds-${number}`,
  run: 'test:simulation',
  env: { FIRST_SEED: `${(number - 1) * half + 1}`, SEEDS: `${half}`, MINUTES: '30' },
})
/** What is made of the sources, and what is asked of it. */
const building = [
  { name: 'build', run: 'build' },
  { name: 'api', run: 'api' },
  { name: 'package', run: 'package:check' },
  { name: 'packed', run: 'package:run' },
  { name: 'size', run: 'size' },
  { name: 'examples', run: 'build:examples' },
]
/** Steps that a full run does just as an everyday one. */
const SAME = ['lint', 'typecheck', 'format', 'layers', 'docs', 'knip', ...building.map(({ name }) => name)]
/**
 * They only compute, and wait for nothing: in the background, they take what the other steps leave of the machine. The steps of one lane
 * run one after the other.
 */
const lanes = [
  building,
  [
    { name: 'typecheck', run: 'typecheck' },
    { name: 'knip', run: 'knip' },
    { name: 'lint', run: 'lint' },
  ],
  ...(full ? [[seeds(1)], [seeds(2)]] : []),
]

// The steps of one row run side by side; `run` is a script of package.json, or a function for what needs no process. A browser is shown
// what was built.
const rows = [
  [
    { name: 'node', run: () => import('./require-node.cjs') },
    { name: 'browsers', run: checkBrowsers },
  ],
  [
    { name: 'format', run: 'format:check' },
    { name: 'layers', run: 'layers' },
    { name: 'docs', run: 'docs:check' },
  ],
  [{ name: 'vitest', run: 'test:unit', ...suite }],
  ...(full ? [[{ name: 'mutants', run: 'test:mutants' }, { name: 'soak', run: 'test:soak' }, ...waiting]] : []),
  ...(values.rest ? [] : [[chromium]]),
  [{ name: 'e2e-firefox', run: 'test:e2e:firefox', needsBuild: true, ...suite, skip: firefoxMissing }],
  ...(full ? [[{ name: 'webkit', run: 'test:webkit', needsBuild: true, live: true, skip: webkitMissing }]] : []),
]

/** Early, so that nobody waits minutes to learn that there is no browser. */
function checkBrowsers() {
  console.log(`chromium: ${findBrowser('chromium').executablePath}`)
  const optional = {
    firefox: [firefoxMissing, () => findBrowser('firefox').executablePath],
    ...(full && { webkit: [webkitMissing, () => findWebKit().browser] }),
  }
  for (const [name, [isMissing, path]] of Object.entries(optional)) {
    const missing = isMissing()
    if (missing && process.env.CI) throw new Error(missing)
    console.log(`${name}: ${missing ?? path()}`)
  }
}

function firefoxMissing() {
  return failureOf(() => findBrowser('firefox'))
}

function webkitMissing() {
  return failureOf(findWebKit)
}

/** What was thrown, or undefined. */
function failureOf(run) {
  try {
    run()
    return undefined
  } catch (error) {
    return error.message
  }
}

/** What runs in the background. */
const behind = new Set()
/** Nothing more is said of it. */
let isOver = false
function endBackground() {
  isOver = true
  for (const child of behind) {
    behind.delete(child)
    if (process.platform === 'win32') child.kill()
    else process.kill(-child.pid)
  }
}
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => {
    endBackground()
    process.exit(128 + constants.signals[signal])
  })
}

/** Gives the processor up to whoever wants it. Where Linux groups processes by session, the group of this one has to as well. */
function beLowly(pid) {
  setPriority(pid, constants.priority.PRIORITY_LOW)
  try {
    writeFileSync(`/proc/${pid}/autogroup`, `${constants.priority.PRIORITY_LOW}`)
  } catch {
    // There are no such groups here.
  }
}

/** Runs a script of package.json; its output comes live, or in one piece at its end when others run beside it. Resolves with all of it. */
function runScript({ run: script, env: more }, live, inBackground) {
  return new Promise((resolve) => {
    const npm = process.env.npm_execpath
    const [command, args] = npm ? [process.execPath, [npm]] : ['npm', []]
    const child = spawn(command, [...args, 'run', '--silent', '--ignore-scripts', script], {
      cwd: root,
      env: { ...env, ...more },
      stdio: ['ignore', 'pipe', 'pipe'],
      shell: !npm && process.platform === 'win32',
      detached: inBackground,
    })
    if (inBackground && child.pid) {
      behind.add(child)
      beLowly(child.pid)
    }
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (chunk) => {
        output += chunk
        if (live) process.stdout.write(chunk)
      })
    }
    child.on('error', (error) => resolve({ ok: false, output: `${output}${error.message}\n` }))
    child.on('close', (code) => {
      behind.delete(child)
      resolve({ ok: code === 0, output })
    })
  })
}

/** The figures that the contract is held to: the tests have asserted them already. */
function sayBars() {
  for (const file of existsSync(bars) ? readdirSync(bars).sort() : []) {
    console.log(`\n── ${file.replace('.txt', '')}\n${readFileSync(join(bars, file), 'utf8').trimEnd()}`)
  }
  console.log('\nlost 0, repeated 0, reordered 0, silent gaps 0, false gaps 0 over all of these')
}

async function runStep(step, live, inBackground = false) {
  const startedAt = performance.now()
  const result = await (typeof step.run === 'string'
    ? runScript(step, live, inBackground)
    : Promise.resolve()
        .then(step.run)
        .then(
          () => ({ ok: true, output: '' }),
          (error) => ({ ok: false, output: `${error.message}\n` }),
        ))
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
  if (isOver) return { ...step, ...result, seconds }
  // What passed needs no page of tables.
  const shown = live || (result.ok && result.output.split('\n').length > 16) ? '' : result.output
  process.stdout.write(`\n── ${step.name}: ${result.ok ? 'passed' : 'FAILED'} (${seconds} s)\n${shown}`)
  return { ...step, ok: result.ok, output: result.output, seconds }
}

/** The failed tests in what a step said, each with its reason. */
function failuresOf(output) {
  const lines = stripVTControlCharacters(output).split('\n')
  const first = lines.findIndex((line) => FAILURE.test(line))
  return first < 0
    ? []
    : lines
        .slice(first)
        .filter((line) => !CODE.test(line))
        .slice(0, FAILURE_LINES)
}

/** Whether it was asked for; and for what cannot run here, why. */
function isWanted({ name, skip }) {
  if ((only && !only.includes(name)) || not.includes(name)) return false
  const why = skip?.()
  if (why && !process.env.CI) notRun.push(`${name.replace('e2e-', '')} (${why})`)
  return !why || process.env.CI
}

const only = values.only?.split(',')
const not = [...(values.not?.split(',') ?? []), ...(values.rest ? SAME : [])]
const steps = [...rows.flat(), ...lanes.flat()]
const unknown = [...(only ?? []), ...not].filter((name) => !steps.some((step) => step.name === name))
if (unknown.length > 0) {
  console.error(`No step is called ${unknown.join(', ')}. Steps: ${steps.map(({ name }) => name).join(', ')}`)
  process.exit(2)
}
if (!existsSync(join(root, 'node_modules', 'vitest'))) {
  console.error('The dependencies are not installed. Run: npm ci')
  process.exit(2)
}

rmSync(bars, { recursive: true, force: true })
if (!values.rest) rmSync(outcomes, { recursive: true, force: true })
const done = []
const notRun = []
const runLane = async (lane) => {
  for (const step of lane.filter(isWanted)) {
    const result = await runStep(step, false, true)
    done.push(result)
    if (!result.ok) return
  }
}
const later = lanes.map(runLane)
const built = later[lanes.indexOf(building)]
for (const row of rows) {
  const chosen = row.filter(isWanted)
  if (chosen.some(({ needsBuild }) => needsBuild)) await built
  if (done.some(({ ok }) => !ok)) break
  done.push(...(await Promise.all(chosen.map((step) => runStep(step, step.live && chosen.length === 1)))))
  if (done.some(({ ok }) => !ok)) break
}
// One that fails ends the run at the end of the row that runs meanwhile.
if (done.every(({ ok }) => ok)) await Promise.all(later)
else endBackground()

const failed = done.filter(({ ok }) => !ok)
for (const { name, output } of failed) {
  const lines = output.split('\n').filter((line) => line.trim())
  console.log(`\n── the end of what ${name} said`)
  console.log(lines.slice(-LAST_LINES).join('\n'))
}
const BARRED = ['vitest', 'soak', 'seeds-1', 'seeds-2']
if (full && !failed.length && BARRED.every((step) => done.some(({ name }) => name === step))) sayBars()
console.log('\n── summary')
for (const { name, ok, seconds } of done) console.log(`${ok ? 'passed' : 'FAILED'}  ${seconds.padStart(6)} s  ${name}`)
for (const reason of notRun) console.log(`not run: ${reason}`)
for (const { name, run, output } of failed) {
  for (const line of failuresOf(output)) console.log(line)
  const alone = typeof run === 'string' ? `npm run ${run}` : `node scripts/test.mjs --only ${name}`
  console.log(`\nStep "${name}" failed, and the steps after it did not run. Run it alone: ${alone}`)
}
console.log(`${done.length - failed.length} passed, ${failed.length} failed`)
process.exitCode = failed.length > 0 ? 1 : 0

// `npm run test:soak -- --minutes N [--seed N]`: fifty clients under constant faults for so long, judged minute by minute.
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '5' }, seed: { type: 'string', default: '1' } },
})
for (const [name, most] of [
  ['minutes', 1440],
  ['seed', 2 ** 31],
]) {
  const value = Number(values[name])
  if (Number.isInteger(value) && value >= 1 && value <= most) continue
  console.error(`--${name} must be a whole number from 1 to ${most}, not ${values[name]}`)
  process.exit(2)
}
const root = fileURLToPath(new URL('..', import.meta.url))
const vitest = fileURLToPath(new URL('../node_modules/vitest/vitest.mjs', import.meta.url))
const child = spawn(process.execPath, [vitest, 'run', 'src/testing/soak', '--disableConsoleIntercept'], {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, SOAK_MINUTES: values.minutes, SEED: values.seed },
})
child.on('error', (error) => {
  console.error(error.message)
  process.exitCode = 1
})
child.on('close', (code) => {
  process.exitCode = code ?? 1
})

// The package as npm would publish it, in an empty folder: its program starts, takes a publish, hands it out again, and ends
// with 0 at SIGTERM; and each of its entries can be imported. Needs a build. No registry is asked: what the package depends on
// is linked from here.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { findProgram } from './find-program.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const own = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const folder = mkdtempSync(join(tmpdir(), 'holdfast-packed-'))
/** A machine that is busy with other tests takes its time. */
const PATIENCE_MS = 30_000

function run(command, args, cwd) {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8' })
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status}:\n${stdout}${stderr}`)
  return stdout
}

/** What `npm install holdfast.tgz` would make. */
function install() {
  const [{ filename }] = JSON.parse(
    run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], root),
  )
  const modules = join(folder, 'node_modules')
  const installed = join(modules, 'holdfast')
  mkdirSync(join(modules, '.bin'), { recursive: true })
  mkdirSync(installed)
  run('tar', ['-xzf', join(folder, filename), '-C', installed, '--strip-components=1'], folder)
  for (const name of [...Object.keys(own.dependencies), ...Object.keys(own.peerDependencies ?? {})]) {
    const from = join(root, 'node_modules', name)
    if (!existsSync(from)) throw new Error(`${name} is not installed here`)
    mkdirSync(dirname(join(modules, name)), { recursive: true })
    symlinkSync(from, join(modules, name))
  }
  writeFileSync(join(folder, 'package.json'), '{"private":true,"type":"module"}\n')
  const target = join(installed, own.bin.holdfast)
  chmodSync(target, 0o755)
  const bin = join(modules, '.bin', 'holdfast')
  symlinkSync(target, bin)
  return bin
}

function expect(what, actual, expected) {
  const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)]
  if (a !== b) throw new Error(`${what}: ${a}, and not ${b}`)
}

function importEntries() {
  const entries = Object.keys(own.exports)
    .filter((path) => !/\.(js|json)$/.test(path))
    .map((path) => `holdfast${path.slice(1)}`)
  const code = `for (const name of ${JSON.stringify(entries)}) if (!Object.keys(await import(name)).length) throw new Error(name)`
  run(process.execPath, ['--input-type=module', '-e', code], folder)
  return entries
}

/** Resolves with the line of `event`. */
function said(child, event) {
  return new Promise((resolve, reject) => {
    let text = ''
    child.stdout.setEncoding('utf8').on('data', (chunk) => {
      text += chunk
      const line = text.split('\n').find((one) => one.includes(`"event":"${event}"`))
      if (line) resolve(JSON.parse(line))
    })
    child.once('exit', (code) => reject(new Error(`the program ended with ${code}:\n${text}`)))
  })
}

/** One life of the program: a publish, and all that can be read then. */
async function serve(bin, args, n, expected) {
  const env = { ...process.env, HOLDFAST_METRICS_PORT: '0' }
  const child = spawn(bin, ['serve', '--dev', '--port', '0', ...args], {
    cwd: folder,
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const given = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS)
  try {
    const { url, metrics } = await said(child, 'serve.listening')
    const headers = { 'content-type': 'application/json' }
    const sent = await fetch(`${url}/publish?channel=a`, { method: 'POST', headers, body: JSON.stringify({ n }) })
    expect('the publish', sent.status, 200)
    const [, answer] = await (await fetch(`${url}/poll?channel=a&since=earliest`)).json()
    expect(
      'what was read',
      answer.messages.map(({ data }) => data),
      expected,
    )
    expect(
      'a metric',
      (await (await fetch(metrics)).text()).includes('holdfast_publishes_total{outcome="appended"} 1'),
      true,
    )
    const ended = once(child, 'exit')
    child.kill('SIGTERM')
    expect('the exit code', (await ended)[0], 0)
  } finally {
    clearTimeout(given)
    child.kill('SIGKILL')
  }
}

/** In Redis what was published outlives the program. */
async function serveOnRedis(bin) {
  const program = findProgram('redis-server')
  if (program === undefined) {
    if (process.env.CI) throw new Error('CI needs redis-server for: serve --redis-url')
    return 'not run: serve --redis-url (redis-server was not found)'
  }
  const socket = createServer().listen(0, '127.0.0.1')
  await once(socket, 'listening')
  const { port } = socket.address()
  socket.close()
  await once(socket, 'close')
  const redis = spawn(program, ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', folder], {
    stdio: 'ignore',
  })
  try {
    const args = ['--redis-url', `redis://127.0.0.1:${port}`]
    await reachable(port)
    await serve(bin, args, 1, [{ n: 1 }])
    await serve(bin, args, 2, [{ n: 1 }, { n: 2 }])
  } finally {
    redis.kill('SIGKILL')
  }
  return 'and on Redis'
}

/** Resolves when somebody listens there. */
async function reachable(port) {
  const givenUpAt = performance.now() + PATIENCE_MS
  for (;;) {
    const socket = connect(port, '127.0.0.1')
    try {
      await once(socket, 'connect')
      return
    } catch (error) {
      if (performance.now() > givenUpAt) throw error
    } finally {
      socket.destroy()
    }
  }
}

try {
  const bin = install()
  expect('--version', run(bin, ['--version'], folder).trim(), own.version)
  const entries = importEntries()
  await serve(bin, [], 1, [{ n: 1 }])
  const onRedis = await serveOnRedis(bin)
  console.log(`the packed package serves, ${onRedis}; it exports ${entries.join(', ')}`)
} finally {
  rmSync(folder, { recursive: true, force: true })
}

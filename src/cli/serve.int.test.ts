import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { generate } from 'selfsigned'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { Program, fileFolder, frames, publish, read } from '../testing/program.ts'

const { write, remove } = fileFolder()
afterAll(remove)
const running: Program[] = []
afterEach(async () => {
  for (const program of running.splice(0)) await program.kill()
})
const start = (args: readonly string[]): Program => {
  const program = new Program(args)
  running.push(program)
  return program
}
const dev = (...args: string[]): Program => start(['--dev', '--port', '0', ...args])

describe('holdfast serve', () => {
  it('serves a hub, and ends with 0 at SIGTERM', async () => {
    const program = dev()
    const url = await program.url()
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/realtime$/)
    expect((await publish(url, 'a')).status).toBe(200)
    expect(await read(url, 'a')).toContainEqual(
      expect.objectContaining({ messages: [expect.objectContaining({ data: { n: 1 } })] }),
    )
    expect((await fetch(`${url}/health`)).status).toBe(200)
    expect((await fetch(new URL('/', url))).status).toBe(404)
    expect(await program.stop()).toBe(0)
    expect(program.lines.map(({ event }) => event)).toEqual([
      'serve.listening',
      'serve.dev',
      'serve.stopping',
      'hub.draining',
      'hub.closed',
      'serve.stopped',
    ])
    await expect(fetch(`${url}/health`)).rejects.toThrow()
  })

  it('S18 at SIGTERM it is not ready any more, streams are told to come back, and held polls are answered', async () => {
    const program = dev()
    const url = await program.url()
    const stream = await fetch(`${url}/stream?channel=a`)
    const held = fetch(`${url}/poll?channel=a&wait=20000&since=last:0`).then(frames)
    const whole = stream.text()
    await publish(url, 'other')
    const code = program.stop()
    expect(await whole).toContain('"goodbye"')
    await held
    expect(await code).toBe(0)
  })

  it('S18 connections that wait for no answer do not hold up the end', async () => {
    // Longer than this test has.
    const program = dev('--drain-seconds', '600')
    const url = await program.url()
    const { hostname, port } = new URL(url)
    const spare = connect(Number(port), hostname)
    await once(spare, 'connect')
    // Its connection is kept, and falls idle when the drain has begun.
    const held = fetch(`${url}/poll?channel=a&wait=20000&since=last:0`).then(frames)
    await publish(url, 'other')
    expect(await program.stop()).toBe(0)
    expect((await held)[0]).toMatchObject({ type: 'welcome' })
    spare.destroy()
  })

  it('a second signal ends it at once, with 1', async () => {
    const program = dev()
    const url = await program.url()
    // A publish whose permission is never known would hold the drain; a body that does not end does the same.
    const stuck = createStuckRequest(url)
    await stuck.connected
    program.signal('SIGINT')
    await program.said('serve.stopping')
    program.signal('SIGINT')
    expect(await program.code).toBe(1)
    stuck.destroy()
  })

  it('what is stuck does not outlast the drain', async () => {
    const program = dev('--drain-seconds', '1')
    const stuck = createStuckRequest(await program.url())
    await stuck.connected
    expect(await program.stop()).toBe(0)
    stuck.destroy()
  })

  it('an error that nobody caught is logged, and ends it with 1', async () => {
    const program = dev()
    await program.url()
    program.crash(new Error('oh\nno'))
    expect(await program.code).toBe(1)
    expect(program.lines.find(({ event }) => event === 'serve.crashed')).toMatchObject({
      error: { message: 'oh\\u000ano' },
    })
  })

  it('a port that is taken is one line, and 1', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const { port } = other.address() as AddressInfo
    const program = start(['--dev', '--port', String(port)])
    expect(await program.code).toBe(1)
    expect(program.err).toBe(`holdfast: cannot listen on 127.0.0.1:${port}: another program has this port\n`)
    other.close()
  })

  it('settings that are wrong are named, and end with 2', async () => {
    const program = start(['--prot', '1', '--host', '//'])
    expect(await program.code).toBe(2)
    expect(program.err.trim().split('\n')).toHaveLength(2)
    expect(program.out).toBe('')
  })

  it('--help, --version and --print-config say what they say and end', async () => {
    const help = start(['--help'])
    expect(await help.code).toBe(0)
    expect(help.out).toContain('--drain-seconds')
    const version = start(['--version'])
    expect(await version.code).toBe(0)
    expect(version.out).toBe('9.9.9\n')
    const config = start(['--print-config', '--dev', '--jwt-secret', 'hidden-secret'])
    expect(await config.code).toBe(0)
    expect(config.out).not.toContain('hidden')
    expect(JSON.parse(config.out)).toMatchObject({ dev: { value: true, from: 'flag --dev' } })
    expect(config.err).toContain('HOLDFAST_JWT_SECRET')
  })

  it('serves https, and a certificate that is none is one line', async () => {
    const pems = await generate([{ name: 'commonName', value: 'localhost' }], {})
    const cert = write('cert.pem', pems.cert)
    const key = write('key.pem', pems.private)
    const program = dev('--tls-cert', cert, '--tls-key', key)
    expect(await program.url()).toMatch(/^https:/)
    const bad = dev('--tls-cert', write('bad.pem', 'no'), '--tls-key', key)
    expect(await bad.code).toBe(1)
    expect(bad.err).toMatch(/^holdfast: tlsCert .*bad\.pem and tlsKey .* cannot be used: .*\n$/)
    const missing = dev('--tls-cert', '/nowhere', '--tls-key', key)
    expect(await missing.code).toBe(1)
    expect(missing.err).toBe('holdfast: tlsCert names "/nowhere": there is no such file\n')
  })

  it('serves metrics on a port of their own', async () => {
    const program = dev('--metrics-port', '0')
    const url = await program.url()
    await publish(url, 'a')
    const metrics = String((await program.said('serve.listening'))['metrics'])
    const answer = await fetch(metrics)
    expect(answer.headers.get('content-type')).toContain('text/plain')
    const text = await answer.text()
    expect(text).toContain('holdfast_publishes_total{outcome="appended"} 1')
    expect(text).toContain('process_cpu_seconds_total')
    expect(await (await fetch(metrics.replace('/metrics', '/inspect'))).json()).toMatchObject({ status: 'ready' })
    expect((await fetch(new URL('/realtime/health', metrics))).status).toBe(404)
    expect((await fetch(`${url}/metrics`)).status).toBe(404)
  })
})

/** A request whose body never ends. */
const createStuckRequest = (url: string): { readonly connected: Promise<unknown>; destroy(): void } => {
  const abort = new AbortController()
  let started = (): void => {}
  const connected = new Promise<void>((resolve) => (started = resolve))
  const body = new ReadableStream({
    start: (controller) => controller.enqueue(Buffer.from('{"a":')),
    pull: () => started(),
  })
  fetch(`${url}/publish?channel=a`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
    duplex: 'half',
    signal: abort.signal,
  } as RequestInit).catch(() => undefined)
  return { connected, destroy: () => abort.abort() }
}

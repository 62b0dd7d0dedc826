import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { COLUMNS, installHarness, upTo } from './page-harness.ts'
import { expect, test as base } from './worker-fixture.ts'

interface HubProcess {
  readonly url: string
  start(): Promise<void>
  /** Resolves with how the process ended. */
  stop(signal: 'SIGKILL' | 'SIGTERM'): Promise<string>
  append(channel: string, count: number): Promise<void>
}

const program = fileURLToPath(new URL('hub-process.mjs', import.meta.url))

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, 'localhost')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

const test = base.extend<{ hub: HubProcess }>({
  // oxlint-disable-next-line no-empty-pattern -- Playwright reads the names of the fixtures from the pattern
  hub: async ({}, use) => {
    const port = await freePort()
    const url = `http://localhost:${port}`
    let child: ChildProcess | undefined
    const hub: HubProcess = {
      url,
      async start() {
        child = spawn(process.execPath, [program, String(port)], { stdio: ['ignore', 'pipe', 'inherit'] })
        const [said] = (await Promise.race([once(child.stdout!, 'data'), once(child, 'exit')])) as unknown[]
        expect(String(said)).toBe('listening\n')
      },
      async stop(signal) {
        const ended = once(child!, 'exit')
        child!.kill(signal)
        const [code, by] = (await ended) as [number | null, string | null]
        child = undefined
        return by ?? `exit ${code ?? ''}`
      },
      async append(channel, count) {
        for (const note of upTo(count)) {
          const response = await fetch(`${url}/realtime/publish?channel=${channel}`, {
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify({ note }),
          })
          expect(response.status).toBe(200)
        }
      },
    }
    await hub.start()
    await use(hub)
    child?.kill('SIGKILL')
  },
})

const WAYS = [
  { signal: 'SIGKILL', ended: 'SIGKILL', title: 'is killed' },
  { signal: 'SIGTERM', ended: 'exit 0', title: 'drains and ends' },
] as const

for (const { name, transports } of COLUMNS) {
  for (const { signal, ended, title } of WAYS) {
    test(`R12 ${name}: a hub that ${title} and starts again is one gap, then all of the new epoch`, async ({
      page,
      hub,
    }) => {
      test.slow()
      await page.goto(hub.url)
      await page.addScriptTag({ url: '/holdfast.min.js' })
      await installHarness(page, { url: '/realtime', channel: 'lab:main' }, transports)
      await hub.append('lab:main', 3)
      await page.evaluate(async () => {
        const { harness } = window
        const client = harness.createClient()
        const channels = ['lab:main', 'lab:main', 'lab:empty']
        const recordings = channels.map((channel) => harness.record(client, channel))
        Object.assign(window, { recordings })
        await harness.until(
          () =>
            client.state.name === 'online' &&
            recordings.every(({ messages }, index) => messages.length === (index < 2 ? 3 : 0)),
          'the messages of the first epoch, and online',
        )
        await recordings[2]?.subscription.ready
      })
      expect(await hub.stop(signal)).toBe(ended)
      // What is published while there is no hub waits for the next one.
      const published = page.evaluate(() => window.harness.outcome(window.client.publish('lab:own', 'during')))
      await page.waitForFunction(() => window.client.state.name !== 'online')
      await hub.start()
      await hub.append('lab:main', 5)
      await hub.append('lab:empty', 2)
      const seen = await page.evaluate(async () => {
        const { harness, recordings } = window as unknown as Window & { recordings: readonly Window['recording'][] }
        const wanted = [8, 8, 2]
        await harness.until(
          () => recordings.every(({ messages }, index) => messages.length >= (wanted[index] ?? 0)),
          'the messages of the second epoch',
        )
        return recordings.map(({ messages, gaps, offsets }) => ({
          offsets: offsets(),
          epochs: new Set(messages.map(({ position }) => position.split('.')[0])).size,
          gaps: gaps.map(({ reason, to }) => [reason, to.split('.').slice(1).join('.')]),
          notes: messages.slice(-2).map(({ data }) => (data as { note: number }).note),
        }))
      })
      const gaps = [['epoch', '0.0']]
      const main = { offsets: [...upTo(3), ...upTo(5)], epochs: 2, gaps, notes: [4, 5] }
      expect(seen).toEqual([main, main, { offsets: upTo(2), epochs: 1, gaps, notes: [1, 2] }])
      // It is one message of the new epoch, however often it was sent.
      expect(((await published) as { position: string }).position).toMatch(/^[\w-]+\.1\.[\w-]+$/)
    })
  }
}

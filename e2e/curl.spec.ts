import { spawn, spawnSync } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { request } from 'node:http'
import { expect, test } from './hub-fixture.ts'

const hasCurl = spawnSync('curl', ['--version']).status === 0

/** The commands of a document, as a reader would type them; continued lines are one. */
const commandsOf = (file: string): string[] =>
  readFileSync(new URL(`../${file}`, import.meta.url), 'utf8')
    .split('\n')
    .filter((line) => /^curl\s/.test(line))

/** Words of a command line; nothing but plain words and single quotes is used there. */
const words = (command: string): string[] =>
  [...command.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '')

interface Running {
  readonly text: () => string
  readonly ended: Promise<string>
  stop(): void
}

/** Runs the command with curl, or does the same with Node where there is none. */
const run = ([, ...args]: readonly string[]): Running => {
  let text = ''
  const take = (chunk: unknown): void => {
    text += String(chunk)
  }
  if (hasCurl) {
    const child: ChildProcess = spawn('curl', ['-sS', ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
    child.stdout?.on('data', take)
    const ended = new Promise<string>((resolve) => child.on('close', () => resolve(text)))
    return { text: () => text, ended, stop: () => void child.kill() }
  }
  const url = args.find((arg) => arg.startsWith('http')) ?? ''
  const body = args[args.indexOf('-d') + 1]
  const headers = args.flatMap((arg, at) => (args[at - 1] === '-H' ? [arg.split(': ') as [string, string]] : []))
  const method = args.includes('-d') ? 'POST' : 'GET'
  const client = request(url, { method, headers: Object.fromEntries(headers) })
  const ended = new Promise<string>((resolve) => {
    client.on('response', (response) => response.on('data', take).on('close', () => resolve(text)))
    client.on('error', () => resolve(text))
  })
  client.end(method === 'POST' ? body : undefined)
  return { text: () => text, ended, stop: () => void client.destroy() }
}

type Frame = Readonly<Record<string, unknown>>
interface Wire {
  readonly offset: number
  readonly data: unknown
}

const framesOf = (text: string): Frame[] => JSON.parse(text) as Frame[]
/** Data of the events that are complete. */
const streamed = (text: string): Frame[] =>
  text
    .split('\n\n')
    .slice(0, -1)
    .flatMap((event) => event.split('\n').flatMap((line) => (line.startsWith('data:') ? framesOf(line.slice(5)) : [])))
const messagesOf = (frames: readonly Frame[]): Wire[] =>
  frames.flatMap(({ type, messages }) => (type === 'run' ? (messages as Wire[]) : []))

for (const file of ['PROTOCOL.md', 'README.md']) {
  test(`§12 the curl commands of ${file} stream, poll and publish`, async ({ hubServer }) => {
    // Each document has a channel of its own, so that both find an empty log.
    const channel = `chat:curl-${file.split('.')[0]?.toLowerCase() ?? ''}`
    const commands = commandsOf(file).map((line) =>
      words(line.replaceAll('http://localhost:8080', hubServer.url).replaceAll('chat:lobby', channel)),
    )
    expect(commands.map((command) => /\/realtime\/(\w+)\?/.exec(command.join(' '))?.[1])).toEqual([
      'stream',
      'poll',
      'publish',
    ])
    const [stream = [], poll = [], publish = []] = commands

    const streaming = run(stream)
    try {
      const before = framesOf(await run(poll).ended)
      expect(before.map(({ type }) => type)).toEqual(['welcome', 'run'])
      expect(messagesOf(before)).toEqual([])

      const answers = [framesOf(await run(publish).ended), framesOf(await run(publish).ended)].flat()
      const acks = answers.filter(({ type }) => type === 'ack')
      expect(acks.map(({ position }) => String(position).split('.')[1])).toEqual(['1', '2'])

      const after = messagesOf(framesOf(await run(poll).ended))
      const data = { user: 'curl', text: 'hi' }
      expect(after).toMatchObject([
        { offset: 1, data },
        { offset: 2, data },
      ])
      await expect.poll(() => messagesOf(streamed(streaming.text())).map(({ offset }) => offset)).toEqual([1, 2])
      expect(streamed(streaming.text())[0]?.['type']).toBe('welcome')

      // §6.7: each event that moves a position has it as its id, and `since` takes it.
      const ids = [...streaming.text().matchAll(/^id: ?(.*)$/gm)].map(([, id]) => id)
      expect(ids.at(-1)).toBe(acks[1]?.['position'])
      const first = String(acks[0]?.['position'])
      const rest = await run(poll.map((word) => word.replace('since=last:5', `since=${first}`))).ended
      expect(messagesOf(framesOf(rest)).map(({ offset }) => offset)).toEqual([2])
    } finally {
      streaming.stop()
    }
    await streaming.ended
  })
}

test('§6.6 a repeat with the same Idempotency-Key is appended once, and other data is a conflict', async ({
  hubServer,
}) => {
  const command = (text: string) => [
    'curl',
    `${hubServer.url}/realtime/publish?channel=chat:curl-key`,
    '-H',
    'Content-Type: application/json',
    '-H',
    'Idempotency-Key: order-17',
    '-d',
    JSON.stringify({ user: 'curl', text }),
  ]
  const [first, repeat] = [await run(command('once')).ended, await run(command('once')).ended]
  const ack = (text: string) => framesOf(text).find(({ type }) => type === 'ack')?.['position']
  expect(ack(first)).toMatch(/\.1\./)
  expect(ack(repeat)).toBe(ack(first))
  expect(framesOf(await run(command('other')).ended)).toMatchObject([{ type: 'error', code: 'conflict' }])
  const poll = await run(['curl', `${hubServer.url}/realtime/poll?channel=chat:curl-key&since=earliest`]).ended
  expect(messagesOf(framesOf(poll))).toHaveLength(1)
})

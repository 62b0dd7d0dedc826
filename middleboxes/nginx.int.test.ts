import { expect, it } from 'vitest'
import { describeBox } from './describe-box.ts'
import { carries, cutsTheSilent, dropsUpgrade, holdsStreams } from './faults.ts'
import { until } from './until.ts'
import { TRANSPORTS, visit } from './visitor.ts'

describeBox(
  {
    name: 'nginx',
    program: 'nginx',
    template: 'nginx.conf',
    doors: ['plain', 'stubborn', 'upgrade', 'short', 'gzip', 'small'],
    args: ({ folder, config }) => ['-p', folder, '-c', config, '-e', `${folder}/log`],
  },
  (rig) => {
    it.concurrent('§5.7 drops Upgrade and speaks HTTP/1.0 to the hub: SSE carries the traffic', async () => {
      const { box, origins } = rig()
      await dropsUpgrade(origins[0], box.url('plain'))
      const asked = origins[0].arrivals.find(({ url }) => url.endsWith('?asked'))
      expect(asked?.httpVersion).toBe('1.0')
    })

    it.concurrent('§5.1 with Upgrade passed on, WebSocket carries the traffic', async () => {
      const { box, origins } = rig()
      await carries(origins[0], box.url('upgrade'), 'websocket')
    })

    it.concurrent('§6.2 holds streams, but not where it heeds X-Accel-Buffering: no', async () => {
      const { box, origins } = rig()
      await holdsStreams(origins[0], box.url('stubborn'), box.url('plain'))
    })

    it.concurrent('§6.2 compresses answers, but not a stream with Content-Encoding: identity', async () => {
      const { box, origins } = rig()
      const health = await fetch(`${box.url('gzip')}/health`)
      expect(health.headers.get('content-encoding')).toBe('gzip')

      await carries(origins[0], box.url('gzip'), 'sse', { transports: [TRANSPORTS.sse] })
    })

    it.concurrent('§8.8 takes no body above 2 kB: publishes that fit one by one get through together', async () => {
      const { box, origins } = rig()
      const visitor = await visit(origins[0], box.url('small'), { transports: [TRANSPORTS.sse] })
      await visitor.carriedBy('sse')
      const publish = () => visitor.client.publish('x', 'y'.repeat(500))
      await Promise.all(Array.from({ length: 10 }, publish))
      expect(box.log()).toMatch(new RegExp(`^${box.port('small')} "POST /realtime/publish [^"]*" 413$`, 'm'))
    })

    it.concurrent.each([
      ['websocket', 'GET /realtime '],
      ['sse', 'POST /realtime/stream '],
    ] as const)(
      '§7.2 cuts a silent %s, which resumes without loss, and leaves one with a beat alone',
      async (name, request) => {
        const { box, origins } = rig()
        await cutsTheSilent(origins[0], box.url('short'), TRANSPORTS[name])
        const reason = new RegExp(`upstream timed out.*request: "${request}`)
        await until('the reason', () => reason.test(box.log()), box.log)
      },
    )

    it.concurrent('§6.3 answers a held poll with a 504 of its own: the client holds for less', async () => {
      const { box, origins } = rig()
      const visitor = await visit(origins[0], box.url('short'), { transports: [TRANSPORTS['long-poll']] })
      const line = new RegExp(`^${box.port('short')} "POST /realtime/poll [^"]*" (\\d+)$`, 'gm')
      const answers = (): number[] => Array.from(box.log().matchAll(line), ([, status]) => Number(status))
      const cuts = (): number => answers().filter((status) => status === 504).length
      // A single 504 changes nothing. After each comes one poll that is not held, so of four good answers in a row some were.
      const settled = (): boolean => cuts() >= 2 && answers().slice(-4).join() === '200,200,200,200'
      await until('held polls that are answered', settled, answers)
      await visitor.carriedBy('long-poll')
      await visitor.exchange()
    })
  },
)

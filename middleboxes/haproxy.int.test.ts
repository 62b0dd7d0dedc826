import { once } from 'node:events'
import { connect } from 'node:net'
import { expect, it } from 'vitest'
import { describeBox } from './describe-box.ts'
import { carries, cutsTheSilent, holdsStreams } from './faults.ts'
import { until } from './until.ts'
import { TRANSPORTS } from './visitor.ts'

describeBox(
  {
    name: 'HAProxy',
    program: 'haproxy',
    template: 'haproxy.cfg',
    doors: ['plain', 'whole_request', 'whole_answer', 'short'],
    args: ({ config }) => ['-db', '-f', config],
  },
  (rig) => {
    it.concurrent('§5.1 passes WebSocket on as it is', async () => {
      const { box, origins } = rig()
      await carries(origins[0], box.url('plain'), 'websocket')
    })

    it.concurrent('§6.1 keeps a request back until it is whole: the client gets through all the same', async () => {
      const { box, origins } = rig()
      const [origin] = origins
      const arrived = (mark: string) => origin.arrivals.some(({ url }) => url.endsWith(mark))
      /** Sends a publish without its last byte, which the function that is returned sends. */
      const begin = (port: number, mark: string) => {
        const head = `POST /realtime/publish?channel=halves&${mark} HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n`
        const socket = connect(port, '127.0.0.1').setEncoding('utf8')
        socket.write(`${head}Content-Type: application/json\r\nContent-Length: 2\r\n\r\n1`)
        return async () => {
          socket.write('2')
          return String((await once(socket, 'data'))[0])
        }
      }
      const finishKept = begin(box.port('whole_request'), 'kept')
      const finishPlain = begin(box.port('plain'), 'plain')
      await until('a half request through the plain door', () => arrived('plain'))
      expect(arrived('kept')).toBe(false)
      expect(await finishPlain()).toMatch(/^HTTP\/1.1 200 /)
      expect(await finishKept()).toMatch(/^HTTP\/1.1 200 /)
      expect(arrived('kept')).toBe(true)

      for (const name of ['websocket', 'sse', 'long-poll', 'poll'] as const) {
        await carries(origin, box.url('whole_request'), name, { transports: [TRANSPORTS[name]] })
      }
    })

    it.concurrent('§4.5 holds streams until they end: held polls carry the traffic', async () => {
      const { box, origins } = rig()
      await holdsStreams(origins[0], box.url('whole_answer'), box.url('plain'))
    })

    it.concurrent.each([
      ['websocket', 'GET /realtime 101'],
      ['sse', 'POST /realtime/stream 200'],
    ] as const)(
      '§7.2 cuts a silent %s, which resumes without loss, and leaves one with a beat alone',
      async (name, request) => {
        const { box, origins } = rig()
        await cutsTheSilent(origins[0], box.url('short'), TRANSPORTS[name])
        const reason = new RegExp(`^short ${request} [cs]D$`, 'm')
        await until('the reason', () => reason.test(box.log()), box.log)
      },
    )
  },
)

import { longPoll, sse, webSocket } from 'holdfast/core'
import { expect, it } from 'vitest'
import { describeBox } from './describe-box.ts'
import { carries, cutsTheSilent, dropsUpgrade } from './faults.ts'
import { fetchThrough, tunnel, webSocketThrough } from './through-proxy.ts'
import { until } from './until.ts'
import { TRANSPORTS, visit } from './visitor.ts'

describeBox(
  {
    name: 'Squid',
    program: 'squid',
    template: 'squid.conf',
    doors: ['plain', 'upgrade', 'office', 'open'],
    args: ({ config }) => ['-N', '-f', config],
  },
  (rig) => {
    it.concurrent('§5.7 drops Upgrade: SSE carries the traffic', async () => {
      const { box, origins } = rig()
      await dropsUpgrade(origins[0], box.url('plain'))
    })

    it.concurrent('§5.1 with Upgrade allowed, WebSocket carries the traffic', async () => {
      const { box, origins } = rig()
      await carries(origins[0], box.url('upgrade'), 'websocket')
    })

    it.concurrent('§5.1 as a forward proxy tunnels TLS alone: ws:// fails, and SSE carries the traffic', async () => {
      const { box, origins } = rig()
      const [origin] = origins
      const url = `http://127.0.0.1:${origin.port}/realtime`
      const port = box.port('office')
      await expect(tunnel(port, `127.0.0.1:${origin.port}`)).rejects.toThrow('CONNECT was answered 403')

      const through = { fetch: fetchThrough(port) }
      const transports = [webSocket({ WebSocket: webSocketThrough(port) }), sse(through), longPoll(through)]
      const visitor = await visit(origin, url, { transports })
      await visitor.saw({ kind: 'end', transport: 'websocket', code: 'failed' })
      await visitor.carriedBy('sse')
      await visitor.exchange()
      expect(box.log()).toContain(`${port} POST ${url}/publish 200`)
    })

    it.concurrent('§7.2 cuts a silent tunnel: a WebSocket in it resumes without loss, one with a beat lives on', async () => {
      const { box, origins } = rig()
      const [origin] = origins
      const port = box.port('open')
      const transport = webSocket({ WebSocket: webSocketThrough(port) })
      await cutsTheSilent(origin, `http://127.0.0.1:${origin.port}/realtime`, transport)
      // Written at the end of a tunnel. The one that beats has not ended.
      await until(
        'its end',
        () => box.log().includes(`${port} CONNECT 127.0.0.1:${origin.port} 200 TCP_TUNNEL`),
        box.log,
      )
    })

    it.concurrent('§7.2 cuts a silent stream, which resumes without loss, and leaves one with a beat alone', async () => {
      const { box, origins } = rig()
      await cutsTheSilent(origins[0], box.url('plain'), TRANSPORTS.sse)
      const reason = 'POST http://hub/realtime/stream 200 TCP_MISS ERR_READ_TIMEOUT'
      await until('the reason', () => box.log().includes(reason), box.log)
    })
  },
)

import { afterEach, expect, it, onTestFinished } from 'vitest'
import { describeBox } from './describe-box.ts'
import { until } from './until.ts'
import { closeVisitors, TRANSPORTS, visit } from './visitor.ts'

describeBox(
  {
    name: 'HAProxy before two hubs',
    program: 'haproxy',
    template: 'haproxy-nodes.cfg',
    doors: ['nodes'],
    hubs: 2,
    args: ({ config }) => ['-db', '-f', config],
  },
  (rig) => {
    afterEach(closeVisitors)

    it.each(['websocket', 'sse', 'long-poll'] as const)(
      '§6 each request goes to the next hub, and %s goes on when one of them dies',
      async (name) => {
        const { box, origins } = rig()
        // Those of the test before are gone, so what a hub has is of this visitor.
        await until('no link', () => origins.every(({ hub }) => hub.health.links === 0))
        const visitor = await visit(origins[0], box.url('nodes'), { transports: [TRANSPORTS[name]] })
        await visitor.carriedBy(name)
        const before = origins.map(({ arrivals }) => arrivals.length)
        await visitor.exchange()
        if (name !== 'websocket') {
          // No affinity: in the middle of this link both had requests of it.
          const both = origins.map(({ arrivals }, index) => arrivals.length > before[index]!)
          expect(both).toEqual([true, true])
        }

        // The one that holds the link, or that of the poll which is held just now.
        const dying = origins.find(({ hub }) => hub.health.links > 0) ?? origins[0]
        onTestFinished(() => dying.restart())
        await Promise.all([visitor.exchange(), dying.stop()])
        if (name !== 'long-poll') await visitor.saw({ kind: 'end', transport: name, code: 'cut' })
        const left = dying.arrivals.length
        await visitor.exchange()
        expect(dying.arrivals.length).toBe(left)
      },
    )
  },
)

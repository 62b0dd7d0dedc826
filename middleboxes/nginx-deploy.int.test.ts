import { writeFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { deploySite } from './deploy-site.ts'
import { describeBox } from './describe-box.ts'
import { carries } from './faults.ts'
import { TRANSPORTS, visit } from './visitor.ts'

describeBox(
  {
    name: 'nginx by deploy/nginx.conf, before two hubs',
    program: 'nginx',
    template: 'nginx-deploy.conf',
    doors: ['site'],
    hubs: 2,
    args: ({ folder, config, ports, hubs }) => {
      writeFileSync(`${folder}/site.conf`, deploySite([ports.site], Object.values(hubs)))
      return ['-p', folder, '-c', config, '-e', `${folder}/log`]
    },
  },
  (rig) => {
    it.each(['websocket', 'sse', 'long-poll'] as const)(
      '§6 %s gets through, and is not changed on the way',
      async (name) => {
        const { box, origins } = rig()
        await carries(origins[0], box.url('site'), name, { transports: [TRANSPORTS[name]] })
      },
    )

    it('§6 requests go to both hubs in turn', async () => {
      const { box, origins } = rig()
      const before = origins.map(({ arrivals }) => arrivals.length)
      const visitor = await visit(origins[0], box.url('site'), { transports: [TRANSPORTS['long-poll']] })
      await visitor.exchange()
      expect(origins.map(({ arrivals }, index) => arrivals.length > before[index]!)).toEqual([true, true])
    })

    it('§6.11 a page of the same origin is let in, also on a port of its own', async () => {
      const { box } = rig()
      const origin = new URL(box.url('site')).origin
      const answer = await fetch(`${box.url('site')}/health`, { headers: { origin } })
      expect(answer.status).toBe(200)
      expect(answer.headers.get('content-encoding')).toBeNull()
    })
  },
)

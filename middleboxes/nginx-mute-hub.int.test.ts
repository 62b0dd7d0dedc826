import { writeFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { deploySite } from './deploy-site.ts'
import { describeBox } from './describe-box.ts'
import { openMutePort } from './mute-port.ts'
import type { MutePort } from './mute-port.ts'
import { TRANSPORTS, visit } from './visitor.ts'

let mute: MutePort | undefined
beforeAll(async () => {
  mute = await openMutePort()
})
afterAll(() => mute?.close())

describeBox(
  {
    name: 'nginx by deploy/nginx.conf, before a hub whose machine does not answer, and one that does',
    program: 'nginx',
    template: 'nginx-deploy.conf',
    doors: ['site'],
    args: ({ folder, config, ports, hubs }) => {
      writeFileSync(`${folder}/site.conf`, deploySite([ports.site], [mute?.port ?? 0, ...Object.values(hubs)]))
      return ['-p', folder, '-c', config, '-e', `${folder}/log`]
    },
  },
  (rig) => {
    it.each(['websocket', 'long-poll'] as const)('R14 %s gets through before a client gives up', async (name) => {
      const { box, origins } = rig()
      const timing = { connectMs: 5_000 }
      const visitor = await visit(origins[0], box.url('site'), { transports: [TRANSPORTS[name]], timing })
      await visitor.carriedBy(name)
      await visitor.exchange()
      expect(box.log()).toContain('timed out) while connecting to upstream')
      expect(visitor.facts.filter(({ kind }) => kind === 'end')).toEqual([])
    })
  },
)

import { expect, it } from 'vitest'
import { describeBox } from './describe-box.ts'
import { carries, dropsUpgrade, holdsStreams } from './faults.ts'
import { until } from './until.ts'
import { TRANSPORTS, visit } from './visitor.ts'

const HELLO = { type: 'hello', protocol: 1, client: 'asker-0123456789abcdef' }

/** Asks as the client does, and tells what the box answered. */
const poll = async (url: string, nonce: string) => {
  const answer = await fetch(`${url}/poll`, { method: 'POST', body: JSON.stringify([{ ...HELLO, nonce }]) })
  return { hits: Number(answer.headers.get('x-hits')), text: await answer.text() }
}

describeBox(
  {
    name: 'Varnish',
    program: 'varnishd',
    template: 'varnish.vcl',
    doors: ['plain', 'upgrade', 'whole_answer', 'greedy'],
    args: ({ folder, config, ports }) => [
      ...['-F', '-n', `${folder}/work`, '-f', config, '-T', 'none', '-s', 'malloc,16m', '-l', '1m'],
      ...Object.entries(ports).flatMap(([door, port]) => ['-a', `${door}=127.0.0.1:${port}`]),
    ],
  },
  (rig) => {
    it.concurrent('§5.7 drops Upgrade: SSE carries the traffic', async () => {
      const { box, origins } = rig()
      await dropsUpgrade(origins[0], box.url('plain'))
    })

    it.concurrent('§5.1 with a pipe for Upgrade, WebSocket carries the traffic', async () => {
      const { box, origins } = rig()
      await carries(origins[0], box.url('upgrade'), 'websocket')
    })

    it.concurrent('§4.5 holds streams until they end: held polls carry the traffic', async () => {
      const { box, origins } = rig()
      await holdsStreams(origins[0], box.url('whole_answer'), box.url('plain'))
    })

    it.concurrent('§6.2 keeps answers, but none that says no-store: each poll comes to the hub', async () => {
      const { box, origins } = rig()
      const target = '/realtime/poll?channel=kept&since=earliest&nonce=same'
      const arrived = () => origins[0].arrivals.filter(({ url }) => url === target).length
      const ask = async (door: 'plain' | 'greedy') => (await fetch(new URL(target, box.url(door)))).text()
      await ask('plain')
      await ask('plain')
      expect(arrived()).toBe(2)
      // The door that does not care what an answer says.
      expect(await ask('greedy')).toBe(await ask('greedy'))
      expect(arrived()).toBe(3)
    })

    it.concurrent('§4.3 repeats an old answer: the client drops it for its nonce, and a stream carries the traffic', async () => {
      const { box, origins } = rig()
      const [origin] = origins
      const first = await poll(box.url('greedy'), 'first')
      const second = await poll(box.url('greedy'), 'second')
      expect(second).toEqual({ hits: first.hits + 1, text: first.text })
      expect(second.text).toContain('"first"')

      const transports = [TRANSPORTS['long-poll'], TRANSPORTS.sse]
      const visitor = await visit(origin, box.url('greedy'), { transports })
      await visitor.saw({ kind: 'end', transport: 'long-poll', code: 'foreign', status: 200 })
      await visitor.carriedBy('sse')
      await visitor.exchange()
      expect((await poll(box.url('greedy'), 'last')).text).toBe(first.text)
    })

    it.concurrent('§6.3 lets a GET wait for another one of the same URL, and no POST', async () => {
      const { box, origins } = rig()
      const [origin] = origins
      const { position } = await origin.hub.publish('queue', 'before')
      const url = `${box.url('plain')}/poll?channel=queue&since=${position}&wait=20000`
      const arrived = (method: string) =>
        origin.arrivals.filter((seen) => seen.method === method && url.endsWith(seen.url))
      const body = JSON.stringify([
        { ...HELLO, nonce: 'n', waitMs: 20_000, channels: [{ channel: 'queue', from: { after: position } }] },
      ])

      const gets = [fetch(url), fetch(url)]
      await until('a GET', () => arrived('GET').length === 1)
      const posts = [1, 2].map(() => fetch(url, { method: 'POST', body }))
      await until('both POSTs', () => arrived('POST').length === 2)
      expect(arrived('GET')).toHaveLength(1)

      await origin.hub.publish('queue', 'after')
      for (const answer of await Promise.all([...gets, ...posts])) expect(await answer.text()).toContain('"after"')
      expect(arrived('GET')).toHaveLength(2)
    })
  },
)

import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Link, Transport } from '../transports/transport.ts'
import { FakeClock } from './fake-clock.ts'
import { scriptedServer } from './scripted-server.ts'
import type { ScriptedServer } from './scripted-server.ts'
import { record, until } from './transport-recorder.ts'
import type { Recording } from './transport-recorder.ts'

/** Lets answers on the way arrive, and an hour of the link's own time pass. */
const longAfter = async (clock: FakeClock): Promise<void> => {
  for (let turn = 0; turn < 10; turn++) {
    await sleep(5)
    await clock.advance(360_000)
  }
}

const publish = (sequence: number): string =>
  JSON.stringify([
    { type: 'hello', protocol: 1, nonce: `p${sequence}p`, client: 'k'.repeat(22) },
    { type: 'publish', channel: 'c', sequence, data: sequence },
  ])

export interface TransportCase {
  readonly name: string
  /** The transport in working order. */
  make(): Transport
  /** The same over a platform whose `fetch` or `WebSocket` throws when it is called. */
  makeBroken(): Transport
}

/** T1–T5 of src/transports/transport.ts, for any transport that speaks PROTOCOL.md. */
export const transportSuite = ({ name, make, makeBroken }: TransportCase): void => {
  describe(`${name} keeps the contract`, () => {
    let server: ScriptedServer
    let clock: FakeClock
    let links: Link[]
    const open = (recording: Recording, transport = make()): Link => {
      const link = transport.open(recording.request, recording.on)
      links.push(link)
      return link
    }
    /** A link that has shown that it works. */
    const opened = async (recording: Recording): Promise<Link> => {
      const link = open(recording)
      await until(clock, () => recording.batches.length > 0, 'the welcome')
      return link
    }
    const clean = async (recording: Recording): Promise<void> => {
      expect(clock.pending).toBe(0)
      // A slot that was asked for may come later, and goes back at once.
      await clock.settle()
      expect(recording.slots.taken).toBe(0)
    }

    beforeEach(async () => {
      server = await scriptedServer()
      clock = new FakeClock()
      links = []
    })
    afterEach(async () => {
      for (const link of links) link.close()
      await server.close()
    })

    it('is supported where it has what it needs', () => {
      expect(make().supported()).toBe(true)
    })

    it.each([
      ['works', (): [string, Transport] => [server.url, make()]],
      ['refuses connections', (): [string, Transport] => ['http://127.0.0.1:1', make()]],
      ['has a platform that throws', (): [string, Transport] => [server.url, makeBroken()]],
      ['has an impossible URL', (): [string, Transport] => ['http://[', make()]],
    ])('T1 T3 open() returns at once and calls nothing when the other side %s', async (_title, given) => {
      const [url, transport] = given()
      const recording = record(url, clock)
      const link = open(recording, transport)
      expect(recording.calls).toEqual([])
      if (url !== server.url || _title !== 'works') {
        await until(clock, () => recording.ends.length > 0, 'the end')
        expect(['failed', 'blocked']).toContain(recording.ends[0]?.code)
        expect(recording.calls).toEqual(['end'])
        await clean(recording)
      }
      link.close()
    })

    it('T2 hands over what the server sends, in its order', async () => {
      const recording = record(server.url, clock)
      await opened(recording)
      const sent: number[] = []
      for (let burst = 0; burst < 20; burst++) {
        const numbers = [burst * 3, burst * 3 + 1, burst * 3 + 2]
        sent.push(...numbers)
        server.append(...numbers)
        if (burst % 4 === 0) await until(clock, () => recording.messages().length === sent.length, 'the burst')
      }
      await until(clock, () => recording.messages().length >= sent.length, 'all messages')
      expect(recording.messages()).toEqual(sent)
      expect(recording.ends).toEqual([])
    })

    it('T2 hands over text of any kind', async () => {
      const text = 'ä€😀\u2028\0"\\\n\r\n\ndata: x\n\n' + 'x'.repeat(100_000)
      const recording = record(server.url, clock)
      await opened(recording)
      server.append(text)
      await until(clock, () => recording.messages().length > 0, 'the message')
      expect(recording.messages()).toEqual([text])
    })

    it('T3 ends once when it is cut before the first batch, and nothing comes after', async () => {
      const recording = record(server.url, clock)
      server.script = (exchange) => exchange.cut()
      open(recording)
      await until(clock, () => recording.ends.length > 0, 'the end')
      await longAfter(clock)
      expect(recording.ends).toHaveLength(1)
      expect(recording.calls.at(-1)).toBe('end')
      expect(server.exchanges.length).toBeGreaterThan(0)
      await clean(recording)
    })

    it('T3 T5 after an end of its own it leaves nothing, and close() says nothing', async () => {
      const recording = record(server.url, clock)
      const link = await opened(recording)
      server.script = (exchange) => exchange.cut()
      for (const exchange of server.open) exchange.cut()
      await until(clock, () => recording.ends.length > 0, 'the end')
      const came = server.exchanges.length
      link.close()
      await longAfter(clock)
      expect(recording.ends).toHaveLength(1)
      expect(recording.calls.at(-1)).toBe('end')
      expect(server.exchanges).toHaveLength(came)
      await clean(recording)
    })

    it.each(['data', 'end'] as const)('T3 close() inside %s is the end of it', async (where) => {
      const recording = record(server.url, clock, { [where]: () => link.close() })
      const link = open(recording)
      if (where === 'end') server.script = (exchange) => exchange.cut()
      await until(clock, () => recording.calls.includes(where), where)
      const calls = recording.calls.length
      server.append(1, 2, 3)
      await longAfter(clock)
      expect(recording.calls).toHaveLength(calls)
      expect(server.open.size).toBe(0)
      await clean(recording)
    })

    it('T4 sends in the order of the calls, and resolves', async () => {
      const recording = record(server.url, clock)
      const link = await opened(recording)
      const order: number[] = []
      const sends = [1, 2, 3, 4, 5].map((sequence) => link.send(publish(sequence)).then(() => order.push(sequence)))
      await until(clock, () => order.length === 5, 'the sends')
      await Promise.all(sends)
      const sequences = (): number[] =>
        server.exchanges.flatMap(({ frames }) =>
          frames.flatMap((frame) => (frame.type === 'publish' ? [frame.sequence] : [])),
        )
      await until(clock, () => sequences().length === 5, 'the publishes')
      expect(order).toEqual([1, 2, 3, 4, 5])
      expect(sequences()).toEqual([1, 2, 3, 4, 5])
    })

    it('T4 rejects with a code once the link is closed, and what was on the way too', async () => {
      const recording = record(server.url, clock)
      const link = await opened(recording)
      server.script = () => {}
      const transport = make()
      const waiting = transport.duplex ? [] : [link.send(publish(1)), link.send(publish(2))]
      const rejections = waiting.map((send) => expect(send).rejects.toMatchObject({ code: 'cut' }))
      if (waiting.length > 0)
        await until(clock, () => server.exchanges.some(({ endpoint }) => endpoint === 'publish'), 'the publish')
      link.close()
      await Promise.all(rejections)
      await expect(link.send(publish(3))).rejects.toMatchObject({ code: 'cut' })
      await longAfter(clock)
      expect(server.exchanges.filter(({ endpoint }) => endpoint === 'publish').length).toBeLessThan(2)
      await clean(recording)
    })

    it('T4 rejects with a code when the other side is gone', async () => {
      const recording = record('http://127.0.0.1:1', clock)
      const link = open(recording)
      await expect(link.send(publish(1))).rejects.toMatchObject({
        code: expect.stringMatching(/^(failed|cut)$/) as string,
      })
    })

    it.each([
      ['at once', async () => {}],
      ['while it connects', async () => sleep(1)],
      ['when it works', async (recording: Recording) => until(clock, () => recording.batches.length > 0)],
      [
        'later',
        async (recording: Recording) => until(clock, () => recording.batches.length > 0).then(() => clock.advance(700)),
      ],
    ])('T5 close() %s leaves no timer, request or connection, and may be called again', async (_title, wait) => {
      const recording = record(server.url, clock)
      const link = open(recording)
      await wait(recording)
      link.close()
      await clean(recording)
      const calls = recording.calls.length
      link.close()
      await until(clock, () => server.open.size === 0, 'the end of the connection')
      const came = server.exchanges.length
      server.append('late')
      await longAfter(clock)
      link.close()
      expect(recording.calls).toHaveLength(calls)
      // A handshake that was on its way when it was dropped may still have been seen.
      expect(server.exchanges.length).toBeLessThanOrEqual(came + (_title === 'while it connects' ? 1 : 0))
      expect(server.open.size).toBe(0)
      await clean(recording)
    })

    it('R19 what comes after close() is not heard', async () => {
      const recording = record(server.url, clock)
      let answer = (): void => {}
      server.script = (exchange) => {
        answer = () => exchange.reply({ type: 'heartbeat' })
      }
      const link = open(recording)
      await until(clock, () => server.exchanges.length > 0, 'the request')
      const calls = recording.calls.length
      // Both in one turn: the bytes are written before the other side can know.
      answer()
      link.close()
      await longAfter(clock)
      expect(recording.calls).toHaveLength(calls)
      await clean(recording)
    })

    it('R20 a hundred links leave nothing', async () => {
      for (let round = 0; round < 100; round++) {
        const recording = record(server.url, clock)
        const link = open(recording)
        if (round % 10 === 0) await until(clock, () => recording.batches.length > 0, 'the welcome')
        link.close()
        await clean(recording)
      }
      await until(clock, () => server.open.size === 0, 'the end of the connections')
    })
  })
}

import { onTransport, received, seenBy, startClient } from './hub-fixture.ts'
import type { Room } from './hub-fixture.ts'
import { expect, test } from './kept-page-fixture.ts'
import { flow, upTo } from './page-harness.ts'

const LADDER = ['websocket', 'sse', 'long-poll', 'poll'] as const
type Name = (typeof LADDER)[number]

const MATCH = {
  websocket: { kind: 'ws' },
  sse: { kind: 'http', path: '/stream' },
  'long-poll': { kind: 'http', path: '/poll', held: true },
} as const

/** Lets nothing better than `best` through, from now on and on living links too. */
const allow = ({ room }: Room, best: Name): void => {
  const { faults } = room
  for (const { id } of faults.rules) faults.remove(id)
  for (const name of LADDER.slice(0, LADDER.indexOf(best))) {
    if (name === 'poll') continue
    faults.add({ match: MATCH[name], action: { type: 'reset' } })
    if (name === 'long-poll') faults.cut({ kind: 'http', path: '/poll' })
    else faults.cut(MATCH[name])
  }
}

for (const from of LADDER) {
  for (const to of LADDER) {
    if (from === to) continue
    const smoke = (from === 'websocket' && to === 'sse') || (from === 'sse' && to === 'websocket')
    const tag = smoke ? ['@smoke'] : []
    test(
      `R18 ${from} → ${to} under 200 messages/s loses, repeats and reorders nothing`,
      { tag },
      async ({ page, net, hubServer }) => {
        test.slow()
        allow(net, from)
        await startClient(page, net)
        await onTransport(page, from)
        const stop = flow(hubServer, net.channel, 200)
        await received(page, 100)
        const faultsBefore = net.room.faults.log.filter((event) => event.kind === 'fault').length
        allow(net, to)
        await onTransport(page, to, 45_000)
        const at = (await seenBy(page)).offsets.length
        await received(page, at + 100)
        const sent = await stop()
        await received(page, sent)

        const { offsets, times, gaps, errors, facts } = await seenBy(page)
        expect(offsets).toEqual(upTo(sent))
        expect([gaps, errors]).toEqual([[], []])
        // R24: the fault fired. A better transport heals instead, so there the faults before count.
        const fired = net.room.faults.log.filter((event) => event.kind === 'fault').length
        if (LADDER.indexOf(to) > LADDER.indexOf(from)) expect(fired).toBeGreaterThan(faultsBefore)
        else expect(faultsBefore).toBeGreaterThan(0)
        // explain() tells old → new.
        expect(facts.lastIndexOf(`proven ${to}`)).toBeGreaterThan(facts.indexOf(`proven ${from}`))
        const pauses = times.slice(1).map((time, index) => time - (times[index] ?? time))
        console.log(`    ${from} → ${to}: longest pause ${Math.round(Math.max(...pauses))} ms`)
      },
    )
  }
}

import { expect, onTransport, received, seenBy, startClient, test } from './hub-fixture.ts'
import { flow, upTo } from './page-harness.ts'

test(
  'R18 websocket → sse → websocket with the durations of a real page',
  { tag: '@real' },
  async ({ page, net, hubServer }) => {
    test.setTimeout(180_000)
    const { room } = net
    await startClient(page, { ...net, real: true })
    await onTransport(page, 'websocket')
    const stop = flow(hubServer, net.channel, 50)
    await received(page, 50)
    // Another one may have been proven before it, when the machine was slow.
    const before = (await seenBy(page)).facts.length

    room.set('refuse-upgrade', true)
    await onTransport(page, 'sse', 30_000)
    const onSse = (await seenBy(page)).offsets.length
    await received(page, onSse + 100)
    expect(room.faults.log.some(({ kind, action }) => kind === 'fault' && action === 'cut')).toBe(true)
    // WebSocket was cut soon after it had begun, so it is tried when SSE has been stable.
    await expect
      .poll(() => room.faults.log.some(({ kind, action }) => kind === 'fault' && action === 'respond'), {
        timeout: 60_000,
      })
      .toBe(true)

    room.reset()
    // The probation of a transport that was proven before ends within minutes at most.
    await onTransport(page, 'websocket', 120_000)
    const back = (await seenBy(page)).offsets.length
    await received(page, back + 100)
    const sent = await stop()
    await received(page, sent)

    const { offsets, times, gaps, errors, facts } = await seenBy(page)
    expect(offsets).toEqual(upTo(sent))
    expect([gaps, errors]).toEqual([[], []])
    const proven = facts.slice(before).filter((fact) => fact.startsWith('proven'))
    expect(proven).toContain('proven sse')
    expect(proven.at(-1)).toBe('proven websocket')
    const pauses = times.slice(1).map((time, index) => time - (times[index] ?? time))
    console.log(`    real durations: longest pause ${Math.round(Math.max(...pauses))} ms`)
    expect(Math.max(...pauses)).toBeLessThan(5_000)
  },
)

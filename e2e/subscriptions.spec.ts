import { expect, test } from './kept-page-fixture.ts'
import { COLUMNS, installHarness, smokeOnce, upTo } from './page-harness.ts'

for (const { name, transports } of COLUMNS) {
  test.describe(name, () => {
    test.beforeEach(({ page, net }) => installHarness(page, net, transports))

    test('R15 what a listener ends stops in the middle of a batch', { tag: smokeOnce(name) }, async ({ page }) => {
      const seen = await page.evaluate(async () => {
        const { harness } = window
        await harness.append(Array.from({ length: 10 }, (_, index) => index))
        const client = harness.createClient()
        const third: number[] = []
        const again: number[] = []
        const ending = client.subscribe(
          harness.channel,
          ({ offset }) => {
            third.push(offset)
            if (offset === 1) {
              other.subscription.unsubscribe()
              client.subscribe(harness.channel, (message) => again.push(message.offset), { from: 'earliest' })
            }
            if (offset === 3) ending.unsubscribe()
          },
          { from: 'earliest' },
        )
        const other = harness.record(client)
        const whole = harness.record(client)
        await harness.until(() => whole.messages.length >= 10 && again.length >= 10, 'all of the others')
        await harness.append(['one more'])
        await harness.until(() => whole.messages.length >= 11 && again.length >= 11, 'what follows for the others')
        return { third, other: other.offsets(), whole: whole.offsets(), again, state: ending.state }
      })
      expect(seen).toEqual({
        third: [1, 2, 3],
        other: [],
        whole: upTo(11),
        again: upTo(11),
        state: { name: 'ended', error: null },
      })
    })

    test('R21 a listener that throws is reported and stops nothing', async ({ page }) => {
      const seen = await page.evaluate(async () => {
        const { harness } = window
        await harness.append([1, 2, 3])
        const client = harness.createClient()
        const thrown: number[] = []
        client.subscribe(
          harness.channel,
          ({ offset }) => {
            thrown.push(offset)
            throw new TypeError(`at ${offset}`)
          },
          { from: 'earliest' },
        )
        // A listener may be an async function too; its rejection is no unhandled one.
        // oxlint-disable-next-line typescript/no-misused-promises -- that is what is tested
        client.subscribe(harness.channel, async ({ offset }) => Promise.reject(new TypeError(`async ${offset}`)), {
          from: 'earliest',
        })
        const { messages, offsets } = harness.record(client)
        client.on('state', () => {
          throw new TypeError('state')
        })
        await harness.until(() => messages.length === 3, 'three messages')
        await harness.append([4])
        await harness.until(() => messages.length === 4 && thrown.length === 4, 'the fourth')
        await harness.until(
          () => client.state.name === 'online' && harness.errors.some((e) => e.includes('state')),
          'it',
        )
        return [thrown, offsets(), [...new Set(harness.errors)].sort()]
      })
      const told = (text: string) => `listener-failed: a listener threw: TypeError: ${text}`
      expect(seen).toEqual([
        upTo(4),
        upTo(4),
        [...upTo(4).flatMap((n) => [told(`at ${n}`), told(`async ${n}`)]), told('state')].sort(),
      ])
    })

    test('R1 read() with a buffer of 4 and a slow consumer loses nothing', async ({ page }) => {
      const seen = await page.evaluate(async () => {
        const { harness } = window
        const notes = (count: number) => Array.from({ length: count }, (_, index) => ({ note: String(index) }))
        await harness.append(notes(30))
        const client = harness.createClient()
        const offsets: number[] = []
        const live = harness.record(client)
        const reading = (async () => {
          for await (const item of client.read(harness.channel, { from: 'earliest', maxBuffered: 4 })) {
            offsets.push(item.type === 'gap' ? -1 : item.offset)
            if (offsets.length === 60) break
            // Slower than the messages come.
            await new Promise((resolve) => setTimeout(resolve, 10))
          }
        })()
        await harness.until(() => offsets.length > 5, 'the first messages')
        await harness.append(notes(30))
        await harness.until(() => offsets.length === 60, `60 messages, has ${offsets.length} 1`)
        await reading
        await harness.until(() => live.messages.length === 60, '60 messages beside it')
        return [offsets, live.offsets(), harness.errors]
      })
      expect(seen).toEqual([upTo(60), upTo(60), []])
    })

    test('an AbortSignal ends a subscription, and a publish that was not sent', async ({ page }) => {
      const seen = await page.evaluate(async () => {
        const { harness } = window
        const client = harness.createClient()
        const control = new AbortController()
        const { signal } = control
        const ended = harness.record(client, undefined, { from: 'earliest', signal })
        const whole = harness.record(client)
        await harness.append([1])
        await harness.until(() => ended.messages.length === 1 && whole.messages.length === 1, 'the first message')
        const never = harness.record(client, undefined, { signal: AbortSignal.abort() })
        const before = harness.outcome(client.publish(harness.channel, 'never', { signal: AbortSignal.abort() }))
        client.disconnect()
        const unsent = harness.outcome(client.publish(harness.channel, 'never', { signal }))
        const sent = client.publish(harness.channel, 'sent')
        control.abort()
        const codes = [await before, await unsent]
        client.connect()
        await sent
        await harness.until(() => whole.messages.length === 2, 'the second message')
        const states = [ended, never].map(({ subscription }) => subscription.state)
        return {
          codes,
          states,
          ended: ended.offsets(),
          never: never.offsets(),
          data: whole.messages.map((m) => m.data),
        }
      })
      const state = { name: 'ended', error: null }
      expect(seen).toEqual({
        codes: ['aborted', 'aborted'],
        states: [state, state],
        ended: [1],
        never: [],
        data: [1, 'sent'],
      })
    })

    test('R7 a publish that is aborted after it was sent is unknown, not failed', async ({ page, net, hubServer }) => {
      const { faults } = net.room
      await page.evaluate(async () => {
        const { harness } = window
        const client = harness.createClient()
        const { subscription } = harness.record(client)
        await subscription.ready
        await client.publish(harness.channel, 'first')
        await harness.until(() => client.state.name === 'online', 'online')
      })
      faults.add({
        match: { kind: 'ws', frame: 'publish', direction: 'up' },
        action: { type: 'suppress', direction: 'up' },
      })
      faults.add({ match: { kind: 'http', path: '/publish' }, action: { type: 'hang' } })
      const outcome = page.evaluate(() => {
        const { harness, client } = window
        const control = new AbortController()
        Object.assign(window, { control })
        return harness.outcome(client.publish(harness.channel, 'sent', { signal: control.signal }))
      })
      await faults.waitFor((event) => event.kind === 'fault')
      await hubServer.hub.publish(net.channel, { note: 'meanwhile' })
      const count = await page.evaluate(async () => {
        const { harness, recording } = window
        await harness.until(() => recording.messages.length === 2, 'what came meanwhile')
        ;(window as unknown as { control: AbortController }).control.abort()
        return recording.messages.length
      })
      expect(await outcome).toBe('unknown')
      expect(count).toBe(2)
    })

    test('§4.6 a refused channel ends its own subscription alone', { tag: smokeOnce(name) }, async ({ page }) => {
      const seen = await page.evaluate(async () => {
        const { harness } = window
        const client = harness.createClient()
        const allowed = harness.record(client)
        const told: string[] = []
        const refusedEarly = harness.record(client, 'secret:early')
        refusedEarly.subscription.on('error', ({ code, channel }) => told.push(`${code} ${channel ?? ''}`))
        const early = await harness.outcome(refusedEarly.subscription.ready)
        await allowed.subscription.ready
        await harness.append([1])
        await harness.until(() => allowed.messages.length === 1 && client.state.name === 'online', 'the first message')
        // Before the links change: a publish that was under way on a dropped link is unknown, whatever its repeat is told.
        const publishes = await Promise.all(
          ['secret:early', 'quotes:read-only'].map((channel) => harness.outcome(client.publish(channel, 1))),
        )
        const refusedLate = harness.record(client, 'secret:late')
        const late = await harness.outcome(refusedLate.subscription.ready)
        await client.publish(harness.channel, 2)
        await harness.until(() => allowed.messages.length === 2, 'the second message')
        const { state } = refusedLate.subscription
        const error = state.name === 'ended' ? state.error?.code : state.name
        return { early, late, error, told, publishes, offsets: allowed.offsets(), state: client.state.name }
      })
      expect(seen).toEqual({
        early: 'forbidden',
        late: 'forbidden',
        error: 'forbidden',
        told: ['forbidden secret:early'],
        publishes: ['forbidden', 'forbidden'],
        offsets: [1, 2],
        state: 'online',
      })
    })

    test('R11 connect() after disconnect() brings what was missed', { tag: smokeOnce(name) }, async ({ page, net }) => {
      await page.evaluate(async () => {
        const { harness } = window
        const client = harness.createClient()
        const { messages } = harness.record(client)
        await harness.append([1, 2])
        await harness.until(() => messages.length === 2 && client.state.name === 'online', 'two messages')
        client.disconnect()
      })
      await expect.poll(() => net.room.faults.openLinks, { timeout: 8_000 }).toBe(0)
      const seen = await page.evaluate(async () => {
        const { harness, client, recording } = window
        await harness.append([3, 4, 5])
        const published = client.publish(harness.channel, 6)
        const away = [client.state.name, recording.messages.length]
        client.connect()
        await published
        await harness.until(() => recording.messages.length === 6, 'six messages')
        return {
          away,
          offsets: recording.offsets(),
          gaps: recording.gaps,
          own: recording.messages.map(({ own }) => own),
        }
      })
      expect(seen).toEqual({
        away: ['idle', 2],
        offsets: upTo(6),
        gaps: [],
        own: [false, false, false, false, false, true],
      })
    })

    test('R20 close() settles every publish and leaves no request', { tag: '@smoke' }, async ({ page, net }) => {
      const { faults } = net.room
      await page.evaluate(async () => {
        const { harness } = window
        const client = harness.createClient()
        const { subscription } = harness.record(client)
        await client.publish(harness.channel, 1)
        await subscription.ready
        await harness.until(() => client.state.name === 'online', 'online')
      })
      const seen = await page.evaluate(async () => {
        const { harness, client, recording } = window
        const sent = harness.outcome(client.publish(harness.channel, 2))
        await Promise.resolve()
        const unsent = harness.outcome(client.publish(harness.channel, 3))
        client.close()
        const late = harness.outcome(client.publish(harness.channel, 4))
        const codes = await Promise.all([sent, unsent, late])
        let subscribe = 'nothing thrown'
        try {
          harness.record(client)
        } catch (error) {
          subscribe = window.holdfast.isHoldfastError(error) ? error.code : String(error)
        }
        return { codes, subscribe, states: [client.state.name, recording.subscription.state.name] }
      })
      expect(seen).toEqual({ codes: ['unknown', 'closed', 'closed'], subscribe: 'closed', states: ['closed', 'ended'] })
      await expect.poll(() => faults.openLinks, { timeout: 8_000 }).toBe(0)
      const after: unknown[] = []
      faults.on('event', (event) => after.push(event))
      await new Promise((resolve) => setTimeout(resolve, 2_000))
      expect(after).toEqual([])
    })
  })
}

import { describe, expect, it } from 'vitest'
import { FakeClock } from '../../../testing/fake-clock.ts'
import { ClusterSubscriptions } from './cluster-subscriptions.ts'
import type { Nodes, Place } from './cluster-subscriptions.ts'
import type { Deliver } from './pub-sub-link.ts'
import { slotOf } from './slots.ts'

/** A node that takes every subscription, unless it is told what to answer. */
class FakeNode implements Place {
  readonly address: string
  readonly channels = new Map<string, Deliver>()
  /** What it answers next. */
  readonly answers: (Promise<void> | Error)[] = []
  asked = 0
  isOver = false
  isThere = true

  constructor(address: string) {
    this.address = address
  }

  pubSub = (): Place | null => (this.isThere ? this : null)

  async subscribe(_kind: string, channel: string, deliver: Deliver): Promise<void> {
    this.asked++
    const answer = this.answers.shift()
    if (answer instanceof Error) throw answer
    await answer
    this.channels.set(channel, deliver)
  }

  unsubscribe(_kind: string, channel: string): void {
    this.channels.delete(channel)
  }

  publish(channel: string, text: string): void {
    this.channels.get(channel)?.(text, channel)
  }
}

const setUp = () => {
  const clock = new FakeClock()
  const [a, b] = [new FakeNode('a:1'), new FakeNode('b:1')]
  let owner = a
  let give = (): void => {}
  let change = new Promise<void>((resolve) => (give = resolve))
  const moves: string[] = []
  const failures: string[] = []
  const nodes: Nodes = {
    owner: () => owner,
    ready: [a, b],
    get change() {
      return change
    },
    moved: (slot, address) => {
      moves.push(`${slot} ${address}`)
      owner = b
    },
    suspect: () => {},
  }
  const subscriptions = new ClusterSubscriptions(nodes, {
    clock,
    report: (error, context) => failures.push(`${context}: ${String(error)}`),
  })
  const heard: (string | null)[] = []
  return {
    clock,
    a,
    b,
    subscriptions,
    heard,
    moves,
    failures,
    listen: (kind: 'sharded' | 'plain' = 'sharded') =>
      subscriptions.add(
        kind,
        'x',
        (text) => heard.push(text),
        (opened) => opened,
      ),
    /** As the topology does when something has changed. */
    changed: async (to?: FakeNode) => {
      if (to) owner = to
      const told = give
      change = new Promise<void>((resolve) => (give = resolve))
      told()
      subscriptions.settle()
      await clock.advance(0)
    },
  }
}

describe('ClusterSubscriptions', () => {
  it('R14 goes where the slot goes, though the old node says nothing, and tells that something may be lost', async () => {
    const { a, b, heard, listen, changed } = setUp()
    await listen()
    a.publish('x', 'one')
    await changed(b)
    expect(a.channels.size).toBe(0)
    b.publish('x', 'two')
    expect(heard).toEqual(['one', null, 'two'])
    await changed()
    expect([heard.length, b.asked]).toEqual([3, 1])
  })

  it('waits for a node that is not there yet', async () => {
    const { a, heard, listen, changed } = setUp()
    a.isThere = false
    const listening = listen()
    a.isThere = true
    await changed()
    await listening
    a.publish('x', 'one')
    expect(heard).toEqual(['one'])
  })

  it('follows what a node says of the slot', async () => {
    const { a, b, heard, moves, listen } = setUp()
    a.answers.push(new Error('MOVED 16287 b:1'))
    await listen()
    expect(moves).toEqual([`${slotOf('x')} b:1`])
    b.publish('x', 'one')
    expect(heard).toEqual(['one'])
  })

  it('a place that is lost while it is taken is none', async () => {
    const { a, subscriptions, heard, listen } = setUp()
    let answer = (): void => {}
    a.answers.push(new Promise<void>((resolve) => (answer = resolve)))
    const listening = listen()
    subscriptions.moved(a, 'x')
    answer()
    await listening
    expect(a.asked).toBe(2)
    expect(heard).toEqual([])
  })

  it('what is ended while it is taken is given back, and may be asked for again meanwhile', async () => {
    const { clock, a, heard, listen } = setUp()
    let answer = (): void => {}
    a.answers.push(new Promise<void>((resolve) => (answer = resolve)))
    const first = listen()
    answer()
    const second = listen()
    ;(await first)()
    ;(await second)()
    await clock.advance(0)
    expect(a.channels.size).toBe(0)
    await listen()
    a.publish('x', 'one')
    expect(heard).toEqual(['one'])
  })

  it('a refusal is thrown, and once it was open it is told and tried again', async () => {
    const { clock, a, b, heard, failures, listen, changed } = setUp()
    a.answers.push(new Error('NOPERM'))
    await expect(listen()).rejects.toThrow('NOPERM')
    await listen()
    b.answers.push(new Error('NOPERM'), new Error('NOPERM'))
    await changed(b)
    expect(failures).toEqual(['subscribing to notices in Redis (b:1): Error: NOPERM'])
    expect(heard).toEqual([])
    await clock.advance(1000)
    expect(heard).toEqual([null])
  })

  it('what is plain stays where it is, and goes to another node when that is lost', async () => {
    const { a, b, heard, listen, changed } = setUp()
    await listen('plain')
    await changed(b)
    expect([a.asked, b.asked]).toEqual([1, 0])
    a.isThere = false
    a.isOver = true
    await changed()
    b.publish('x', 'one')
    expect(heard).toEqual([null, 'one'])
  })

  it('close() ends all waiting and leaves no timer', async () => {
    const { clock, a, subscriptions, listen, changed } = setUp()
    a.isThere = false
    const listening = listen()
    subscriptions.close()
    await expect(listening).rejects.toThrow('closed')
    await changed()
    expect(clock.pending).toBe(0)
  })
})

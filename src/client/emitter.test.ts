import { describe, expect, it, vi } from 'vitest'
import { createEmitter } from './emitter.ts'

interface Events {
  a: number
  b: string
}

const create = () => {
  const report = vi.fn<(cause: unknown, event: keyof Events) => void>()
  return { report, emitter: createEmitter<Events>(report) }
}

describe('createEmitter', () => {
  it('calls the listeners of the event in the order in which they came', () => {
    const { emitter } = create()
    const calls: unknown[] = []
    emitter.on('a', (value) => calls.push(['first', value]))
    emitter.on('b', (value) => calls.push(['other', value]))
    emitter.on('a', (value) => calls.push(['second', value]))
    emitter.emit('a', 1)
    expect(calls).toEqual([
      ['first', 1],
      ['second', 1],
    ])
  })

  it('R21 reports what a listener throws, and what its promise rejects with, and goes on', async () => {
    const { emitter, report } = create()
    const last = vi.fn()
    const thrown = new Error('thrown')
    const rejected = new Error('rejected')
    emitter.on('a', () => {
      throw thrown
    })
    emitter.on('a', () => Promise.reject(rejected))
    emitter.on('a', last)
    emitter.emit('a', 1)
    await Promise.resolve()
    expect(last).toHaveBeenCalledOnce()
    expect(report.mock.calls).toEqual([
      [thrown, 'a'],
      [rejected, 'a'],
    ])
  })

  it('does not call a listener that another one has removed, nor one that came during the event', () => {
    const { emitter } = create()
    const never = vi.fn()
    emitter.on('a', () => {
      remove()
      emitter.on('a', never)
    })
    const remove = emitter.on('a', never)
    emitter.emit('a', 1)
    expect(never).not.toHaveBeenCalled()
  })

  it('keeps the same function twice when it was given twice, and removes one at a time', () => {
    const { emitter } = create()
    const listener = vi.fn()
    const remove = emitter.on('a', listener)
    emitter.on('a', listener)
    remove()
    remove()
    emitter.emit('a', 1)
    expect(listener).toHaveBeenCalledOnce()
  })
})

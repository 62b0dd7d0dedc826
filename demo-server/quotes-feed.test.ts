import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Quote } from './channels.ts'
import { startQuotesFeed, symbols } from './quotes-feed.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

describe('the quotes feed', () => {
  it('publishes each instrument at once, then one update at a time, and stops', () => {
    const channels: string[] = []
    const stop = startQuotesFeed({
      publish: async (channel) => channels.push(channel),
      everyMs: 100,
    })
    expect(channels).toEqual(symbols.map((symbol) => `quotes:${symbol}`))
    vi.advanceTimersByTime(1000)
    expect(channels).toHaveLength(symbols.length + 10)
    stop()
    vi.advanceTimersByTime(1000)
    expect(channels).toHaveLength(symbols.length + 10)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('keeps prices above zero, in cents, with a spread, and near where they began', () => {
    const quotes: Quote[] = []
    const stop = startQuotesFeed({ publish: async (_channel, quote) => quotes.push(quote), everyMs: 1 })
    vi.advanceTimersByTime(20_000)
    stop()
    for (const { bid, ask } of quotes) {
      expect(bid).toBeGreaterThan(0)
      expect(ask).toBeGreaterThan(bid)
      expect(Math.abs(bid * 100 - Math.round(bid * 100))).toBeLessThan(1e-6)
      expect(ask).toBeLessThan(2000)
    }
  })

  it('goes on when a publish fails', () => {
    let calls = 0
    const stop = startQuotesFeed({ publish: () => Promise.reject(new Error(`no ${++calls}`)), everyMs: 10 })
    vi.advanceTimersByTime(100)
    expect(calls).toBe(symbols.length + 10)
    stop()
  })
})

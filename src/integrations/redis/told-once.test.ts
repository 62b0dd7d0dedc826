import { describe, expect, it } from 'vitest'
import { ToldOnce } from './told-once.ts'

describe('ToldOnce', () => {
  it('each cause is news once, also when several take turns, and again after the outage', () => {
    const told = new ToldOnce()
    const news = (text: string) => told.isNews(new Error(text))
    expect([news('a'), news('b'), news('a'), news('b')]).toEqual([true, true, false, false])
    told.well()
    expect([news('a'), news('a')]).toEqual([true, false])
  })

  it('what is done beside it has outages of its own', () => {
    const told = new ToldOnce()
    expect([told.isNews('full', 'reading'), told.isNews('full', 'writing')]).toEqual([true, true])
    told.well('reading')
    expect([told.isNews('full', 'reading'), told.isNews('full', 'writing')]).toEqual([true, false])
  })

  it('is bounded: a cause that is never twice the same is not told for ever', () => {
    const told = new ToldOnce()
    const news = Array.from({ length: 1_000 }, (_, n) => told.isNews(new Error(`try ${n}`)))
    expect(news.filter(Boolean)).toHaveLength(20)
  })
})

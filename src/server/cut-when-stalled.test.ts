import { expect, it } from 'vitest'
import { FakeClock } from '../testing/fake-clock.ts'
import { cutWhenStalled } from './cut-when-stalled.ts'

const watch = () => {
  const clock = new FakeClock()
  const peer = { unsent: 1000, cuts: 0 }
  const cancel = cutWhenStalled(
    { clock, stallMs: 4000 },
    () => peer.unsent,
    () => peer.cuts++,
  )
  return { clock, peer, cancel }
}

it('S6 who takes nothing for stallMs is cut off, once', async () => {
  const { clock, peer } = watch()
  await clock.advance(3999)
  expect(peer.cuts).toBe(0)
  await clock.advance(1)
  expect([peer.cuts, clock.pending]).toEqual([1, 0])
})

it('S6 who takes a byte now and then is not, and is when it ends', async () => {
  const { clock, peer } = watch()
  for (let n = 0; n < 20; n++) {
    peer.unsent--
    await clock.advance(3999)
  }
  expect(peer.cuts).toBe(0)
  await clock.advance(4000)
  expect(peer.cuts).toBe(1)
})

it('S6 nothing is left of a watch that is ended', async () => {
  const { clock, peer, cancel } = watch()
  await clock.advance(1500)
  cancel()
  await clock.advance(10_000)
  expect([peer.cuts, clock.pending]).toEqual([0, 0])
})

// @ts-check
import { openOwnSubscriber } from './clients.mjs'
import { nowUs } from './clock.mjs'

// With `n` and `sentUs` the data of a message has about 100 bytes.
const TEXT = 'x'.repeat(56)

/**
 * Publishes so that a fixed number of messages is in flight: the next leaves when one came back.
 * @param {import('./clients.mjs').Wire} wire
 * @param {{ port: number, onFailure(error: Error): void }} options
 */
export const openPublisher = async (wire, { port, onFailure }) => {
  let next = 0
  let due = 0
  let last = 0
  /** @type {number[]} */
  let roundTripsUs = []
  let onEnd = () => {}

  /** @param {import('./clients.mjs').Data[]} batch */
  const onBatch = (batch) => {
    const atUs = nowUs()
    for (const { n, sentUs } of batch) {
      if (n !== due) onFailure(new Error(`the publisher got message ${n} where ${due} was due`))
      due = n + 1
      roundTripsUs.push(atUs - sentUs)
    }
    publish(Math.min(batch.length, last - next))
    if (due === last) onEnd()
  }

  const client = await openOwnSubscriber(wire, { port, onBatch, onFailure })

  /** @param {number} count */
  const publish = (count) => {
    if (count <= 0) return
    const batch = Array.from({ length: count }, () => ({ n: next++, sentUs: nowUs(), text: TEXT }))
    client.publish(batch)
  }

  return {
    /** Resolves with the sorted round trips once all have come back. @param {{ messages: number, inFlight: number }} round */
    run({ messages, inFlight }) {
      roundTripsUs = []
      last = next + messages
      return new Promise((/** @type {(sorted: Float64Array) => void} */ resolve) => {
        onEnd = () => resolve(Float64Array.from(roundTripsUs).sort())
        publish(inFlight)
      })
    },
  }
}

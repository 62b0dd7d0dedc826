// @ts-check
// The process of the subscribers. Arguments: wire, port; `own` when each reads a channel of its own.
import { openSubscriber } from './clients.mjs'
import { nowUs } from './clock.mjs'
import { quantile } from './numbers.mjs'

const wire = /** @type {import('./clients.mjs').Wire} */ (process.argv[2])
const port = Number(process.argv[3])
const own = process.argv[4] === 'own'

let opened = 0
let awaited = 0
let batches = 0
/** @type {number[]} */
let latenciesUs = []
let cpuUs = 0

const usedUs = () => {
  const { user, system } = process.cpuUsage()
  return user + system
}

/** @param {Error} error */
const onFailure = (error) => {
  process.send?.({ failure: `${wire}: ${error.message}` })
}

const open = async () => {
  const name = ++opened
  let due = 0
  await openSubscriber(wire, {
    port,
    ...(own ? { channel: `bench-${name}` } : {}),
    onFailure,
    onBatch: (batch) => {
      const atUs = nowUs()
      batches++
      for (const { n, sentUs } of batch) {
        if (n !== due) onFailure(new Error(`subscriber ${name} got message ${n} where ${due} was due`))
        due = n + 1
        latenciesUs.push(atUs - sentUs)
      }
      if (latenciesUs.length >= awaited && awaited > 0) finish()
    },
  })
}

const finish = () => {
  const received = latenciesUs.length
  const sorted = Float64Array.from(latenciesUs).sort()
  const answer = { received, batches, cpuUs: usedUs() - cpuUs, deliveryUs: quantile(sorted, 0.5) }
  awaited = 0
  process.send?.(answer)
}

process.on('message', async (/** @type {any} */ message) => {
  if (message === 'stop') process.exit(0)
  if (message.open) {
    // One after the other: a burst of connections is not what is measured, and may overrun the queue of the listener.
    for (let count = 0; count < message.open; count++) await open()
    process.send?.({ opened })
  } else if (message === 'received') {
    // Late: what should not have come has come by now.
    process.send?.({ received: latenciesUs.length })
  } else {
    awaited = message.messages * opened
    batches = 0
    latenciesUs = []
    cpuUs = usedUs()
    process.send?.({ waiting: awaited })
  }
})
process.on('disconnect', () => process.exit(0))

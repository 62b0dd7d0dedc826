// @ts-check
// `npm run bench`: Holdfast beside a bare `ws` loop, in the same run.
//   --quick             fewer rounds (under 20 s), as a check that everything is delivered
//   --subscribers <n>   200 unless told
//   --json <file>       writes the figures
//   --profile <dir>     writes a processor profile of each server
// The exit code is 1 if a delivery is missing, doubled or out of order. It never depends on timing.
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { FanOut } from './fan-out.mjs'
import { machineFacts, printResults, summarise } from './report.mjs'

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    subscribers: { type: 'string', default: '200' },
    json: { type: 'string' },
    profile: { type: 'string' },
  },
})
const subscribers = Number(values.subscribers)
if (!(subscribers >= 2)) throw new Error(`--subscribers must be a number from 2, not ${values.subscribers}`)
const rounds = values.quick ? 2 : 7
const share = values.quick ? 0.25 : 1

/**
 * Messages of a round, fixed, so that each side does the same work. A poll is a request of its own and dear.
 * @type {Record<number, Record<import('./clients.mjs').Wire, number>>}
 */
const messages = {
  1: { bare: 320, websocket: 320, sse: 320, 'long-poll': 64 },
  16: { bare: 800, websocket: 1600, sse: 1600, 'long-poll': 320 },
}
/** @type {import('./clients.mjs').Wire[]} */
const wires = ['bare', 'websocket', 'sse', 'long-poll']

const facts = machineFacts()
/** @type {FanOut[]} */
const targets = []
try {
  try {
    await import('holdfast/server')
  } catch (error) {
    throw new Error(`run \`npm run build\` first, for the package cannot be loaded (${String(error)})`, {
      cause: error,
    })
  }
  for (const wire of wires) targets.push(new FanOut(wire, { profileDir: values.profile }))
  await Promise.all(targets.map((target) => target.open(subscribers)))
  const results = []
  for (const inFlight of [1, 16]) {
    /** @type {(target: FanOut) => { messages: number, inFlight: number }} */
    const roundOf = ({ wire }) => ({ messages: Math.ceil((messages[inFlight]?.[wire] ?? 0) * share), inFlight })
    for (const target of targets) await target.round(roundOf(target))
    /** @type {Record<string, import('./fan-out.mjs').Figures[]>} */
    const figures = Object.fromEntries(wires.map((wire) => [wire, []]))
    // In turns, so that what else the machine does meets all of them alike.
    for (let round = 0; round < rounds; round++) {
      for (const target of targets) figures[target.wire]?.push(await target.round(roundOf(target)))
    }
    for (const wire of wires) results.push(summarise({ wire, inFlight, figures }))
  }
  printResults({ facts, subscribers, rounds, results })
  if (values.json !== undefined) {
    writeFileSync(values.json, `${JSON.stringify({ ...facts, subscribers, rounds, results }, null, 2)}\n`)
  }
} catch (error) {
  console.error(`bench failed: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 1
}
await Promise.all(targets.map((target) => target.close()))
// The publishers' sockets are all that is left.
process.exit()

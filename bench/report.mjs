// @ts-check
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism, cpus, loadavg } from 'node:os'
import { spread } from './numbers.mjs'

/**
 * @typedef {import('./fan-out.mjs').Figures} Figures
 * @typedef {ReturnType<typeof summarise>} Result
 */

/**
 * What is expected of a link that stays open, as a multiple of the bare loop's processor time a delivery. With one message
 * in flight every delivery is a write on both sides. With sixteen, the writes of one turn of the event loop coalesce. A
 * poll is an HTTP request for each answer, which no loop over open sockets has; nothing is expected of it here.
 * @type {Record<number, { atMost: number, words: string }>}
 */
const EXPECTED = { 1: { atMost: 1.2, words: 'about 1.2×' }, 16: { atMost: 0.3, words: 'at most 0.3×' } }

/** @param {string} name */
const versionOf = (name) => {
  const file = createRequire(import.meta.url).resolve(`${name}/package.json`)
  return JSON.parse(readFileSync(file, 'utf8')).version
}

export const machineFacts = () => ({
  date: new Date().toISOString(),
  node: process.version,
  ws: versionOf('ws'),
  cores: availableParallelism(),
  processor: cpus()[0]?.model.trim() ?? 'unknown',
  loadAtStart: loadavg()[0] ?? 0,
})

/**
 * @param {{ wire: import('./clients.mjs').Wire, inFlight: number, figures: Record<string, Figures[]> }} measured
 */
export const summarise = ({ wire, inFlight, figures }) => {
  const own = figures[wire] ?? []
  /** @param {keyof Figures} name */
  const of = (name) => spread(own.map((round) => round[name]))
  // Each round against the bare round beside it, for a busy machine slows both.
  const ratios = own.map(({ cpuUs }, round) => cpuUs / (figures['bare']?.[round]?.cpuUs ?? NaN))
  return {
    wire,
    inFlight,
    cpuUs: of('cpuUs'),
    writeUs: of('writeUs'),
    ratio: spread(ratios),
    roundTripUs: of('roundTripUs'),
    slowRoundTripUs: of('slowRoundTripUs'),
    deliveryUs: of('deliveryUs'),
    messagesPerWrite: of('messagesPerWrite'),
    serverBusy: of('serverBusy'),
    subscribersBusy: of('subscribersBusy'),
    rounds: own,
  }
}

/** @param {Result} result */
const verdict = ({ wire, inFlight, ratio }) => {
  const expected = EXPECTED[inFlight]
  if (wire === 'bare' || wire === 'long-poll' || !expected) return '–'
  // "About" has the tolerance of one more tenth.
  const met = Math.round(ratio.median * 10) / 10 <= expected.atMost
  return `${expected.words}: ${met ? 'met' : 'NOT met'}`
}

/** @param {number} us */
const milliseconds = (us) => (us / 1000).toFixed(us < 10_000 ? 2 : 1)

/** @param {{ median: number, least: number, greatest: number }} value @param {number} digits */
const range = ({ median, least, greatest }, digits) =>
  `${median.toFixed(digits)} (${least.toFixed(digits)}–${greatest.toFixed(digits)})`

/** @param {Result} result */
const rowOf = (result) => [
  String(result.inFlight),
  result.wire === 'bare' ? 'bare ws loop' : result.wire,
  range(result.cpuUs, 2),
  result.wire === 'bare' ? '1' : range(result.ratio, 2),
  verdict(result),
  milliseconds(result.roundTripUs.median),
  milliseconds(result.slowRoundTripUs.median),
  milliseconds(result.deliveryUs.median),
  result.messagesPerWrite.median.toFixed(1),
  result.writeUs.median.toFixed(1),
]

const HEADS = [
  'in flight',
  'wire',
  'CPU µs/delivery',
  '× bare',
  'expected',
  'round trip ms',
  'p95',
  'delivery ms',
  'msgs/write',
  'µs/write',
]

/** @param {string[][]} rows */
const table = (rows) => {
  const widths = HEADS.map((_head, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}

/**
 * @param {{ facts: ReturnType<typeof machineFacts>, subscribers: number, rounds: number, results: Result[] }} run
 */
export const printResults = ({ facts, subscribers, rounds, results }) => {
  const [head = '', ...lines] = table([HEADS, ...results.map(rowOf)])
  const groups = lines.map((line, index) => (index > 0 && results[index]?.wire === 'bare' ? `\n${line}` : line))
  console.log(`Fan-out to ${subscribers} subscribers, ${rounds} rounds each in turns; medians (least–greatest).`)
  console.log(`${facts.date}, Node ${facts.node}, ws ${facts.ws}, ${facts.cores} × ${facts.processor}`)
  console.log(`Load average at the start: ${facts.loadAtStart.toFixed(1)}\n`)
  console.log([head, '-'.repeat(head.length), ...groups].join('\n'))
  console.log(`
CPU: user and system time of the server's process, publishes included. × bare: against the bare round beside it.
Round trip: a publish over WebSocket until its own delivery over the wire that is measured. Delivery: a publish until
each subscriber has it; all of them share one process, and the publisher may run ahead of it. Every delivery was
counted, and came once and in order.
Expected of links that stay open: ${EXPECTED[1]?.words} the bare loop's CPU with one message in flight, ${EXPECTED[16]?.words} with sixteen,
because the writes of one turn of the event loop coalesce. A poll is an HTTP request for each answer, so nothing is
expected of it beside a loop over open sockets. What comes while a poll is on its way goes into its next answer: how
many messages that are differs from round to round, and µs/write is the steadier figure.`)
}

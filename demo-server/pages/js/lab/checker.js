// @ts-check

/** @typedef {import('holdfast').Message<{ series: string, n: number } | { note: string }>} Incoming */
/** @typedef {{ publishedMs: number, tookMs: number, late: boolean }} Arrival */
/** @typedef {{ received: number, lost: number, repeated: number, disordered: number, longestMs: number }} Counts */

const lateMs = 1500
const maxRemembered = 5000

/**
 * Checks what comes against two counters: the offsets of the channel, and the numbers that the publisher gives. It trusts neither
 * the client nor the hub.
 */
export function createChecker() {
  const counts = { received: 0, lost: 0, repeated: 0, disordered: 0, longestMs: 0 }
  let offset = 0
  let series = ''
  let n = 0
  let arrivedMs = 0
  /** Between the hub's clock and ours: the smallest difference seen. */
  let skewMs = Infinity
  /** @type {Set<string>} */
  const seen = new Set()

  /** @param {Incoming} message */
  function checkOffset(message) {
    if (seen.has(message.id)) counts.repeated++
    else if (offset > 0 && message.offset <= offset) counts.disordered++
    else if (offset > 0) counts.lost += message.offset - offset - 1
    seen.add(message.id)
    if (seen.size > maxRemembered) for (const first of seen) return seen.delete(first)
    return true
  }

  /** @param {Incoming} message */
  function checkNumber({ data }) {
    if (!('n' in data)) return
    // The offsets may look whole while a message is missing between publisher and log.
    if (data.series === series && n > 0 && data.n > n + 1) counts.lost += data.n - n - 1
    series = data.series
    n = data.n
  }

  return {
    /**
     * @param {Incoming} message
     * @returns {Arrival}
     */
    take(message) {
      const now = Date.now()
      const lostBefore = counts.lost
      counts.received++
      checkOffset(message)
      if (counts.lost === lostBefore) checkNumber(message)
      else if ('n' in message.data) n = message.data.n
      offset = Math.max(offset, message.offset)
      if (arrivedMs > 0) counts.longestMs = Math.max(counts.longestMs, now - arrivedMs)
      arrivedMs = now
      skewMs = Math.min(skewMs, now - message.timeMs)
      const tookMs = now - message.timeMs - Math.min(0, skewMs)
      return { publishedMs: now - tookMs, tookMs, late: tookMs > lateMs }
    },
    /** The hub said what is missing: counting starts anew behind it. */
    gap() {
      offset = 0
      n = 0
    },
    /** @returns {Counts & { pauseMs: number }} */
    counts() {
      const pauseMs = arrivedMs > 0 ? Date.now() - arrivedMs : 0
      return { ...counts, pauseMs, longestMs: Math.max(counts.longestMs, pauseMs) }
    },
  }
}

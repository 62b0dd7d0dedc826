// @ts-check

/** @typedef {import('holdfast').TransportName} TransportName */
/** @typedef {import('holdfast').Explanation} Explanation */
/** @typedef {Explanation['transports'][number]} TransportReport */

/** What people call them. @type {Readonly<Record<TransportName, string>>} */
export const names = {
  websocket: 'WebSocket',
  sse: 'SSE',
  'long-poll': 'Long-poll',
  poll: 'Interval polling',
}

/** From the top of the ladder. @type {readonly TransportName[]} */
export const order = ['websocket', 'sse', 'long-poll', 'poll']

/**
 * @param {TransportName | null | undefined} name
 * @returns {string}
 */
export const nameOf = (name) => (name ? names[name] : '')

// @ts-check
import { make } from '../dom.js'
import { nameOf } from '../transports.js'

/** @typedef {import('holdfast').Message<{ series: string, n: number } | { note: string }>} Incoming */

const maxMessages = 8
const maxFacts = 200
const clock = new Intl.DateTimeFormat(undefined, {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hour12: false,
})

/** The newest messages. @param {HTMLElement} body */
export function createMessageList(body) {
  return {
    /**
     * @param {Incoming} message
     * @param {import('./checker.js').Arrival} arrival
     * @param {import('../transports.js').TransportName | null} through
     */
    add({ offset, data, own }, { tookMs, late }, through) {
      const row = make('tr', own ? 'own' : late ? 'late' : '')
      const text = 'note' in data ? `${data.note}${own ? ', yours' : ''}` : `Beat ${data.n}`
      row.append(
        make('td', '', `#${offset}`),
        make('td', '', text),
        make('td', '', nameOf(through) || 'First read'),
        make('td', 'number', tookMs < 1000 ? `${Math.round(tookMs)} ms` : `${(tookMs / 1000).toFixed(1)} s`),
      )
      body.prepend(row)
      while (body.childElementCount > maxMessages) body.lastElementChild?.remove()
    },
  }
}

/** The timeline in words. @param {HTMLElement} list */
export function createFactList(list) {
  return {
    /** @param {import('holdfast').Fact} fact */
    add({ timeMs, transport, kind, text }) {
      const item = make('li')
      item.dataset['kind'] = kind
      const date = new Date(timeMs)
      const time = make('time', '', `${clock.format(date)}.${Math.floor(date.getMilliseconds() / 100)}`)
      time.dateTime = date.toISOString()
      item.append(time, make('span', 'through', nameOf(transport) || 'Client'), make('p', '', text || kind))
      list.prepend(item)
      while (list.childElementCount > maxFacts) list.lastElementChild?.remove()
    },
  }
}

/**
 * @param {HTMLElement} list
 * @param {import('holdfast').Gap} gap
 */
export function showGap(list, { from, to, reason }) {
  list.querySelector('.muted')?.remove()
  list.append(make('li', '', `Missing after ${from}, up to ${to}: ${reason}`))
}

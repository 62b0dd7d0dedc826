// @ts-check
import { make, setText } from './dom.js'
import { names, order } from './transports.js'

/** @typedef {import('./transports.js').TransportReport} TransportReport */
/** @typedef {import('./transports.js').TransportName} TransportName */

/** @type {Readonly<Record<TransportReport['status'], string>>} */
const words = {
  carrying: 'Carries traffic',
  opening: 'Trying…',
  untried: 'Not needed yet',
  available: 'Stands by',
  probation: 'On probation',
  unsupported: 'Not in this browser',
}

/**
 * Builds the four rungs into a list.
 * @param {HTMLElement} list
 * @returns {{ rungs: ReadonlyMap<TransportName, HTMLLIElement>, show(reports: readonly TransportReport[]): void }}
 */
export function createLadder(list) {
  /** @type {Map<TransportName, HTMLLIElement>} */
  const rungs = new Map()
  for (const name of order) {
    const rung = make('li', 'rung')
    rung.dataset['transport'] = name
    rung.dataset['status'] = 'untried'
    const bar = make('div', 'rung-bar')
    const lamp = make('span', 'rung-lamp')
    lamp.setAttribute('aria-hidden', 'true')
    const label = make('div', 'rung-label')
    label.append(make('span', 'rung-name', names[name]), make('span', 'rung-status', words.untried))
    bar.append(lamp, label)
    rung.append(bar)
    list.append(rung)
    rungs.set(name, rung)
  }
  return {
    rungs,
    show(reports) {
      for (const report of reports) {
        const rung = rungs.get(report.name)
        const status = rung?.querySelector('.rung-status')
        if (!rung || !status) continue
        rung.dataset['status'] = report.status
        rung.title = report.text
        setText(status, describe(report))
      }
    },
  }
}

/**
 * @param {TransportReport} report
 * @returns {string}
 */
function describe({ status, probeAtMs }) {
  if (status !== 'probation' || probeAtMs === undefined) return words[status]
  const seconds = Math.ceil((probeAtMs - Date.now()) / 1000)
  return seconds > 0 ? `Next try in ${seconds} s` : 'Next try now'
}

// @ts-check
import { byId, make, setText } from '../dom.js'

/** @typedef {ReturnType<ReturnType<typeof import('./checker.js').createChecker>['counts']>} Counts */

/** Big numbers. Those that must stay 0 turn red when they do not. */
export function createTiles() {
  const list = byId('tiles', HTMLElement)
  /** @param {string} label */
  const add = (label) => {
    const tile = make('div', 'tile')
    const value = make('dd', '', '0')
    tile.append(make('dt', '', label), value)
    list.append(tile)
    return { tile, value }
  }
  const received = add('received')
  const zeros = { lost: add('lost'), repeated: add('repeated'), disordered: add('out of order') }
  const pause = add('pause now')
  const longest = add('longest pause')
  return {
    /** @param {Counts} counts */
    show(counts) {
      setText(received.value, String(counts.received))
      for (const key of /** @type {const} */ (['lost', 'repeated', 'disordered'])) {
        const { tile, value } = zeros[key]
        setText(value, String(counts[key]))
        tile.className = counts[key] === 0 ? 'tile zero' : 'tile broken'
      }
      setText(pause.value, seconds(counts.pauseMs))
      setText(longest.value, seconds(counts.longestMs))
    },
  }
}

/** @param {number} ms */
const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`

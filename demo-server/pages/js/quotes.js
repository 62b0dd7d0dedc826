// @ts-check
import { showConnection } from './connection-badge.js'
import { byId, make, makeSvg, setText } from './dom.js'
import { createClient } from './holdfast.js'

const symbols =
  'ALDR BRCH CEDR DUNE EMBR FERN GALE HAZE IRIS JUNO KELP LARK MOSS NOVA OPAL PIKE REEF SAGE TIDE WREN'.split(' ')
const maxPoints = 60

/** @type {import('holdfast').Client<Record<`quotes:${string}`, { bid: number, ask: number }>>} */
const client = createClient({ url: '/realtime' })
showConnection(client)

let updates = 0
let gaps = 0
/** @type {number[]} */
const recent = []

for (const symbol of symbols) {
  const row = addRow(symbol)
  const subscription = client.subscribe(
    `quotes:${symbol}`,
    ({ data, replayed }) => {
      row.update(data, replayed)
      updates++
      if (!replayed) recent.push(performance.now())
    },
    { from: { last: maxPoints } },
  )
  subscription.on('gap', () => gaps++)
}

setInterval(() => {
  const since = performance.now() - 5000
  while (recent.length > 0 && (recent[0] ?? since) < since) recent.shift()
  setText(byId('rate', HTMLElement), (recent.length / 5).toFixed(1))
  setText(byId('total', HTMLElement), updates.toLocaleString('en'))
  setText(byId('gaps', HTMLElement), String(gaps))
}, 500)

/** @param {string} symbol */
function addRow(symbol) {
  const row = make('tr')
  const head = make('th', '', symbol)
  head.scope = 'row'
  const bid = make('td', 'number price')
  const ask = make('td', 'number price')
  const change = make('td', 'number change', '–')
  const trend = make('td', 'trend')
  const line = makeSvg('polyline', { points: '' })
  const drawing = makeSvg('svg', { viewBox: '0 0 100 24', preserveAspectRatio: 'none', 'aria-hidden': 'true' })
  drawing.append(line)
  trend.append(drawing)
  row.append(head, bid, ask, change, trend)
  byId('rows', HTMLElement).append(row)
  /** @type {number[]} */
  const points = []
  return {
    /**
     * @param {{ bid: number, ask: number }} quote
     * @param {boolean} quiet
     */
    update(quote, quiet) {
      const middle = (quote.bid + quote.ask) / 2
      const before = points.at(-1) ?? middle
      points.push(middle)
      if (points.length > maxPoints) points.shift()
      setText(bid, quote.bid.toFixed(2))
      setText(ask, quote.ask.toFixed(2))
      const first = points[0] ?? middle
      const percent = (100 * (middle - first)) / first
      change.className = `number change ${percent < 0 ? 'down' : 'up'}`
      setText(change, `${percent < 0 ? '▼' : '▲'} ${Math.abs(percent).toFixed(2)} %`)
      row.classList.toggle('falling', percent < 0)
      line.setAttribute('points', path(points))
      if (quiet || middle === before) return
      row.classList.remove('flash-up', 'flash-down')
      void row.offsetWidth // A flash that is still running starts again.
      row.classList.add(middle > before ? 'flash-up' : 'flash-down')
    },
  }
}

/** @param {readonly number[]} points */
function path(points) {
  const low = Math.min(...points)
  const range = Math.max(...points) - low || 1
  const step = 100 / Math.max(1, points.length - 1)
  return points
    .map((value, at) => `${(at * step).toFixed(1)},${(22 - (20 * (value - low)) / range).toFixed(1)}`)
    .join(' ')
}

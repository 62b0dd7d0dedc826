// @ts-check
import { showConnection } from './connection-badge.js'
import { byId, setText } from './dom.js'
import { createClient } from './holdfast.js'
import { createChecker } from './lab/checker.js'
import { createFactList, createMessageList, showGap } from './lab/lists.js'
import { createStrips } from './lab/strips.js'
import { createTiles } from './lab/tiles.js'
import { createWeatherPanel } from './lab/weather-panel.js'
import { createLadder } from './ladder.js'

/** @typedef {{ series: string, n: number } | { note: string }} LabMessage */

const id = labId()

/** @type {import('holdfast').Client<Record<`lab:${string}`, LabMessage>>} */
const client = createClient({
  url: `/weather/${id}/realtime`,
  // Faster than the defaults, so that nobody waits 15 s to see a mute link noticed.
  timing: {
    heartbeatMs: 3000,
    graceMs: 2000,
    connectMs: 3000,
    probeMs: 5000,
    probationMs: 5000,
    spreadMs: 1500,
    maxProbationMs: 10_000,
    maxBackoffMs: 4000,
    pollIntervalMs: 1000,
  },
})
showConnection(client)

const ladder = createLadder(byId('ladder', HTMLElement))
const strips = createStrips(ladder.rungs)
const tiles = createTiles()
const checker = createChecker()
const messages = createMessageList(byId('messages', HTMLElement))
const facts = createFactList(byId('facts', HTMLElement))
const head = byId('summary', HTMLElement)
const why = byId('why', HTMLElement)

function refresh() {
  const { summary, transports } = client.explain()
  const end = summary.search(/[.:] /) + 1
  setText(head, end > 0 ? `${summary.slice(0, end - 1)}.` : summary)
  const isBest = client.state.transport === 'websocket'
  setText(why, end > 0 ? capital(summary.slice(end).trim()) : isBest ? 'It is the first choice, and it works.' : '')
  ladder.show(transports)
  strips.show(transports)
  tiles.show(checker.counts())
}

const subscription = client.subscribe(`lab:${id}`, (message) => {
  const arrival = checker.take(message)
  const through = client.state.transport
  strips.message(through, arrival)
  messages.add(message, arrival, through)
  if ('note' in message.data && message.own) notes.back++
  tiles.show(checker.counts())
  showNotes()
})
subscription.on('gap', (gap) => {
  checker.gap()
  showGap(byId('gaps', HTMLElement), gap)
})
client.on('trace', (fact) => {
  facts.add(fact)
  strips.fact(fact)
  refresh()
})
client.on('state', refresh)
setInterval(refresh, 250)
refresh()

createWeatherPanel(`/weather/${id}/control`)

const notes = { sent: 0, stored: 0, back: 0, failed: 0 }
byId('publish', HTMLButtonElement).addEventListener('click', () => {
  notes.sent++
  showNotes()
  client
    .publish(`lab:${id}`, { note: `Note ${notes.sent}` })
    .then(
      () => notes.stored++,
      () => notes.failed++,
    )
    .finally(showNotes)
})

function showNotes() {
  const { sent, stored, back, failed } = notes
  if (sent === 0) return
  const words = `Published ${sent}, stored ${stored}, came back ${back}${failed > 0 ? `, failed ${failed}` : ''}.`
  setText(byId('published', HTMLElement), words)
}

/** @param {string} text */
function capital(text) {
  return text.slice(0, 1).toUpperCase() + text.slice(1)
}

/** The network of this tab: a reload keeps it, another tab has another. */
function labId() {
  const fresh = crypto.getRandomValues(new Uint32Array(2)).reduce((text, part) => text + part.toString(36), 'lab-')
  try {
    const known = sessionStorage.getItem('lab') ?? fresh
    sessionStorage.setItem('lab', known)
    return known
  } catch {
    return fresh
  }
}

// @ts-check
import { showConnection } from './connection-badge.js'
import { byId, setText } from './dom.js'
import { createClient } from './holdfast.js'
import { createLadder } from './ladder.js'

const client = createClient({ url: '/realtime' })
const ladder = createLadder(byId('ladder', HTMLElement))
const summary = byId('summary', HTMLElement)

function refresh() {
  const { summary: words, transports } = client.explain()
  setText(summary, words)
  ladder.show(transports)
}
showConnection(client)
client.on('trace', refresh)
client.on('state', refresh)
setInterval(refresh, 1000)
client.connect()
refresh()

const copy = byId('copy', HTMLButtonElement)
copy.addEventListener('click', () => {
  const code = byId('snippet', HTMLElement)
  navigator.clipboard.writeText(code.textContent ?? '').then(
    () => setText(copy, 'Copied'),
    () => {
      // Without the permission the text is at least selected.
      getSelection()?.selectAllChildren(code)
      setText(copy, 'Selected')
    },
  )
  setTimeout(() => setText(copy, 'Copy'), 2000)
})

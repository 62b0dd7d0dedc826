// @ts-check
import { createLog } from './chat-log.js'
import { pageBack } from './chat-history.js'
import { showPeople } from './chat-people.js'
import { showConnection } from './connection-badge.js'
import { byId, setText } from './dom.js'
import { createClient } from './holdfast.js'

/** @typedef {{ user: string, text: string }} ChatMessage */

/** @typedef {import('./chat-people.js').Person} Person */
/** @type {import('holdfast').Client<{ 'chat:lobby': ChatMessage }, {}, { 'chat:lobby': Person }>} */
const client = createClient({ url: '/realtime' })
showConnection(client)

const log = createLog()
const subscription = client.subscribe('chat:lobby', (message) => log.take(message), { from: { last: 50 } })
subscription.on('gap', () => log.notice('Some messages are older than the history, and are missing here'))
pageBack(client, log)
subscription.ready.then(log.ready, (/** @type {Error} */ error) => log.notice(`The lobby is closed: ${error.message}`))

const form = byId('composer', HTMLFormElement)
const nameField = byId('name', HTMLInputElement)
const textField = byId('text', HTMLInputElement)

nameField.value = storedName()
showPeople(subscription.presence, nameField)
nameField.addEventListener('change', () => {
  try {
    sessionStorage.setItem('name', nameField.value)
  } catch {
    // The name then lasts for this page only.
  }
})

form.addEventListener('submit', (event) => {
  event.preventDefault()
  const user = nameField.value.trim()
  const text = textField.value.trim()
  if (!user || !text) return
  textField.value = ''
  textField.focus()
  send({ user, text })
})

/** @param {ChatMessage} data */
function send(data) {
  const fate = log.sending(data, () => send(data))
  client.publish('chat:lobby', data).then(
    ({ id }) => fate.sent(id),
    (/** @type {import('holdfast').HoldfastError} */ error) => fate.failed(error),
  )
}

/** Each window has its own name, so that two of them can talk. */
function storedName() {
  const guest = `Guest ${100 + Math.floor(Math.random() * 900)}`
  try {
    const name = sessionStorage.getItem('name') ?? guest
    sessionStorage.setItem('name', name)
    return name
  } catch {
    return guest
  }
}

const banner = byId('banner', HTMLElement)
byId('retry', HTMLButtonElement).addEventListener('click', () => client.connect())

function showBanner() {
  const { state } = client
  // The next try is still the same outage.
  const isTrying = state.name === 'connecting' && !banner.hidden
  const isAway = state.name === 'waiting' || isTrying || !navigator.onLine
  banner.hidden = !isAway
  if (!isAway) return
  const kept = 'You are offline. What you send is kept, and goes out when the connection is back.'
  setText(byId('banner-text', HTMLElement), kept)
}
client.on('state', showBanner)
for (const event of ['online', 'offline']) addEventListener(event, showBanner)

// @ts-check
import { byId, setText } from './dom.js'
import { nameOf } from './transports.js'

/** @typedef {import('holdfast').ClientState} ClientState */

/**
 * Shows in the page's header what a client is doing.
 * @param {Pick<import('holdfast').Client, 'state' | 'on'>} client
 */
export function showConnection(client) {
  const badge = byId('badge', HTMLElement)
  const text = badge.querySelector('.badge-text')
  /** @param {ClientState} state */
  const show = (state) => {
    badge.dataset['state'] = state.name
    badge.dataset['transport'] = state.transport ?? ''
    if (text) setText(text, describe(state))
  }
  client.on('state', show)
  show(client.state)
}

/**
 * @param {ClientState} state
 * @returns {string}
 */
function describe(state) {
  switch (state.name) {
    case 'online':
      return nameOf(state.transport)
    case 'connecting':
      return 'Connecting'
    case 'waiting':
      return 'Offline'
    case 'closed':
      return 'Closed'
    default:
      return 'Not connected'
  }
}

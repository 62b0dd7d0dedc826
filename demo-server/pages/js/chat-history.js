// @ts-check
import { byId, setText } from './dom.js'

const PAGE = 30

/**
 * "Load earlier messages": asks for the page before the oldest message that is shown.
 * @param {Pick<import('holdfast').Client<{ 'chat:lobby': import('./chat-log.js').ChatMessage }>, 'history'>} client
 * @param {ReturnType<typeof import('./chat-log.js').createLog>} log
 */
export function pageBack(client, log) {
  const button = byId('earlier', HTMLButtonElement)
  let words = button.textContent
  let loading = false

  async function load() {
    const before = log.oldest()
    if (loading || before === undefined) return
    loading = true
    // Not disabled: the focus would be lost.
    button.setAttribute('aria-disabled', 'true')
    setText(button, 'Loading…')
    try {
      const { messages, more, gap } = await client.history('chat:lobby', { before, limit: PAGE })
      const hadFocus = document.activeElement === button
      log.takeEarlier(messages, more)
      if (gap) log.noticeAtStart('What was said before is gone')
      if (!more && hadFocus) byId('log', HTMLElement).focus({ preventScroll: true })
    } catch {
      // What may work later is asked for again by the client.
      words = 'Earlier messages may not be loaded'
    } finally {
      loading = false
      button.removeAttribute('aria-disabled')
      setText(button, words)
    }
  }

  button.addEventListener('click', load)
}

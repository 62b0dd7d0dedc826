// @ts-check
import { byId, make, setText } from './dom.js'

/** @typedef {{ user: string, text: string }} ChatMessage */
/** @typedef {import('holdfast').Message<ChatMessage>} Incoming */
/** @typedef {{ element: HTMLElement, text: string, id: string | null }} Pending */

const maxShown = 500
/** As long as somebody reads back. */
const maxKept = 2000
/** One author's messages within this time stand together. */
const togetherMs = 5 * 60_000

const time = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' })

/** The list of messages, and the fate of one's own. */
export function createLog() {
  const list = byId('log', HTMLElement)
  const empty = byId('empty', HTMLElement)
  const jump = byId('jump', HTMLButtonElement)
  const earlier = byId('earlier', HTMLButtonElement)
  /** Own messages that did not come back from the hub yet, oldest first. @type {Pending[]} */
  const pending = []

  const isAtEnd = () => list.scrollHeight - list.scrollTop - list.clientHeight < 60
  const toEnd = () => {
    list.scrollTop = list.scrollHeight
    jump.hidden = true
  }
  jump.addEventListener('click', toEnd)
  list.addEventListener('scroll', () => {
    if (isAtEnd()) jump.hidden = true
  })

  /** @param {HTMLElement} element */
  function place(element) {
    const follow = isAtEnd() || element.classList.contains('own')
    // Own messages that wait stay last: the others were in the log before them.
    const before = element.dataset['fate'] === 'sending' ? null : (pending[0]?.element ?? null)
    list.insertBefore(element, before)
    while (list.childElementCount > (follow ? maxShown : maxKept)) {
      earlier.nextElementSibling?.remove()
      earlier.hidden = false
    }
    regroup(element)
    if (element.nextElementSibling instanceof HTMLElement) regroup(element.nextElementSibling)
    empty.hidden = true
    if (follow) toEnd()
    else jump.hidden = false
  }

  /** @param {Incoming} message */
  function shown(message) {
    const element = bubble(readable(message.data), message.own)
    stamp(element, message.timeMs)
    element.dataset['position'] = message.position
    if (message.own) setFate(element, 'sent', 'Sent')
    return element
  }

  /** Position of the oldest message that is shown. */
  function oldest() {
    const first = list.querySelector('[data-position]')
    return first instanceof HTMLElement ? first.dataset['position'] : undefined
  }

  /** The history is there: from now on new messages are read out. */
  function ready() {
    setTimeout(() => list.setAttribute('aria-busy', 'false'), 300)
  }

  /** @param {Incoming} message */
  function takeOwn({ id, data, timeMs, position }) {
    const at = pending.findIndex((item) => item.id === id || (item.id === null && item.text === data.text))
    const [found] = at < 0 ? [] : pending.splice(at, 1)
    if (!found) return false
    found.id = id
    found.element.dataset['position'] = position
    stamp(found.element, timeMs)
    setFate(found.element, 'sent', 'Sent')
    place(found.element)
    return true
  }

  return {
    /** @param {Incoming} message */
    take(message) {
      // There is something before the first message that came, as far as it can be told from here.
      if (oldest() === undefined) earlier.hidden = message.offset === 1
      if (message.own && takeOwn(message)) return
      place(shown(message))
    },

    oldest,

    /**
     * Puts a page before the others. What is read stays where it is.
     * @param {readonly Incoming[]} messages
     * @param {boolean} more There are earlier ones.
     */
    takeEarlier(messages, more) {
      // Nobody wants fifty old messages to be read out.
      list.setAttribute('aria-busy', 'true')
      const fromEnd = list.scrollHeight - list.scrollTop
      const elements = messages.map(shown)
      const next = earlier.nextElementSibling
      earlier.after(...elements)
      elements.forEach(regroup)
      if (next instanceof HTMLElement) regroup(next)
      earlier.hidden = !more
      list.scrollTop = list.scrollHeight - fromEnd
      ready()
    },

    /** @param {string} text */
    noticeAtStart(text) {
      earlier.after(make('div', 'notice', text))
    },

    /**
     * Shows a message that is on its way.
     * @param {ChatMessage} data
     * @param {() => void} again
     */
    sending(data, again) {
      const element = bubble(data, true)
      stamp(element, Date.now())
      setFate(element, 'sending', 'Sending…')
      /** @type {Pending} */
      const item = { element, text: data.text, id: null }
      place(element)
      pending.push(item)
      return {
        /** @param {string} id */
        sent(id) {
          item.id = id
          setFate(element, 'sent', 'Sent')
        },
        /** @param {import('holdfast').HoldfastError} error */
        failed(error) {
          const at = pending.indexOf(item)
          if (at >= 0) pending.splice(at, 1)
          const isUnknown = error.code === 'unknown'
          const words = isUnknown ? 'Perhaps sent: no answer came.' : `Not sent: ${error.message}`
          setFate(element, isUnknown ? 'unknown' : 'failed', words)
          const button = make('button', '', 'Send again')
          button.type = 'button'
          button.addEventListener('click', () => {
            element.remove()
            again()
          })
          element.querySelector('.fate')?.append(' ', button)
        },
      }
    },

    /** @param {string} text */
    notice(text) {
      list.append(make('div', 'notice', text))
    },

    ready,
  }
}

/**
 * @param {ChatMessage} data
 * @param {boolean} own
 */
function bubble({ user, text }, own) {
  const element = make('div', own ? 'bubble own' : 'bubble')
  element.dataset['user'] = user
  const avatar = make('span', `avatar hue-${hueOf(user)}`, initials(user))
  avatar.setAttribute('aria-hidden', 'true')
  const by = make('p', 'by')
  by.append(make('b', '', own ? 'You' : user), make('time'))
  element.append(avatar, by, make('p', 'said', text))
  if (own) element.append(make('p', 'fate'))
  return element
}

/**
 * @param {HTMLElement} element
 * @param {number} timeMs
 */
function stamp(element, timeMs) {
  const date = new Date(timeMs)
  const mark = element.querySelector('time')
  if (!mark) return
  mark.dateTime = date.toISOString()
  mark.textContent = time.format(date)
}

/** @param {HTMLElement} element */
function regroup(element) {
  const before = element.previousElementSibling
  if (!(before instanceof HTMLElement)) return
  const sameAuthor =
    before.classList.contains('own') === element.classList.contains('own') &&
    before.dataset['user'] === element.dataset['user']
  element.classList.toggle('follows', sameAuthor && timeOf(element) - timeOf(before) < togetherMs)
}

/** @param {HTMLElement} element */
const timeOf = (element) => Date.parse(element.querySelector('time')?.dateTime ?? '')

/**
 * @param {HTMLElement} element
 * @param {'sending' | 'sent' | 'failed' | 'unknown'} fate
 * @param {string} words
 */
function setFate(element, fate, words) {
  element.dataset['fate'] = fate
  const line = element.querySelector('.fate')
  if (line) setText(line, words)
}

/**
 * Anybody may publish anything to the lobby, with curl for example.
 * @param {unknown} data
 * @returns {ChatMessage}
 */
function readable(data) {
  const fields = typeof data === 'object' && data !== null ? data : {}
  const user = 'user' in fields && typeof fields.user === 'string' ? fields.user.trim() : ''
  const text = 'text' in fields && typeof fields.text === 'string' ? fields.text : JSON.stringify(data)
  return { user: user.slice(0, 40) || 'Somebody', text }
}

/** @param {string} name */
const initials = (name) =>
  name
    .split(/\s+/)
    .map((word) => [...word][0] ?? '')
    .slice(0, 2)
    .join('')
    .toUpperCase()

/** @param {string} name */
const hueOf = (name) => [...name].reduce((sum, letter) => sum + (letter.codePointAt(0) ?? 0), 0) % 6

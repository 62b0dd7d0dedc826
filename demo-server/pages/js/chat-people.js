// @ts-check
import { byId, setText } from './dom.js'

/** @typedef {{ name: string }} Person */

const MOST = 12

/**
 * Shows this window to the others in the room, and lists who is there.
 * @param {import('holdfast').Presence<Person>} presence
 * @param {HTMLInputElement} nameField
 */
export function showPeople(presence, nameField) {
  const list = byId('people', HTMLUListElement)
  const enter = () => {
    // Who cannot be shown can talk all the same.
    presence.enter({ name: nameField.value.trim() || 'Guest' }).catch(() => undefined)
  }
  nameField.addEventListener('change', enter)
  enter()

  const show = () => {
    const own = presence.members.filter((member) => member.own)
    const others = presence.members.filter((member) => !member.own)
    const shown = [...own, ...others].slice(0, MOST)
    const rest = presence.members.length - shown.length
    list.replaceChildren(...shown.map((member) => chip(nameOf(member), member.own)))
    if (rest > 0) list.append(chip(`and ${rest} more`, false))
    list.hidden = shown.length === 0
  }
  for (const event of /** @type {const} */ (['join', 'update', 'leave'])) presence.on(event, show)
  presence.ready.then(show, () => undefined)
}

/** Anybody may show up with anything. @param {import('holdfast').Member<Person>} member */
function nameOf({ data }) {
  const name = /** @type {{ name?: unknown } | null} */ (data)?.name
  return typeof name === 'string' && name !== '' ? name.slice(0, 24) : 'Somebody'
}

/** @param {string} text @param {boolean} own */
function chip(text, own) {
  const item = document.createElement('li')
  setText(item, own ? `${text} (you)` : text)
  if (own) item.className = 'own'
  return item
}

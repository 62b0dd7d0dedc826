// @ts-check
import { byId, make, setText } from '../dom.js'

/** @typedef {{ id: string, label: string, description: string, on: boolean, once: boolean }} Weather */

/** Tells the server that somebody is still here, so that the beats go on. */
const touchMs = 5000

/**
 * The switches of the network. They go to the server beside the faults, so there is always a way back.
 * @param {string} url
 */
export function createWeatherPanel(url) {
  const panel = byId('weathers', HTMLElement)
  const problem = byId('weather-error', HTMLElement)
  /** @type {Map<string, HTMLInputElement>} */
  const boxes = new Map()
  /** Answers may overtake each other: only the newest question counts. */
  let asked = 0

  /** @param {unknown} [order] */
  async function ask(order) {
    const mine = ++asked
    try {
      const headers = { 'Content-Type': 'application/json' }
      const response = await fetch(url, order ? { method: 'POST', headers, body: JSON.stringify(order) } : undefined)
      const answer = await response.json()
      if (mine !== asked) return
      if (!response.ok) throw new Error(answer.error ?? `status ${response.status}`)
      problem.hidden = true
      show(answer.weathers)
    } catch (error) {
      if (mine !== asked) return
      setText(
        problem,
        `The demo server did not answer (${error instanceof Error ? error.message : 'no reason given'}).`,
      )
      problem.hidden = false
    }
  }

  /** @param {readonly Weather[]} weathers */
  function show(weathers) {
    if (boxes.size === 0) panel.replaceChildren(...weathers.map(build))
    for (const { id, on } of weathers) {
      const box = boxes.get(id)
      if (box) box.checked = on
    }
  }

  /** @param {Weather} weather */
  function build({ id, label, description, once }) {
    const row = make(once ? 'div' : 'label', once ? 'switch is-once' : 'switch')
    const title = make('b', '', label)
    const line = make('small', '', description)
    line.id = `about-${id}`
    title.id = `name-${id}`
    row.append(title, line)
    if (once) {
      const button = make('button', 'button quiet', 'Do it')
      button.type = 'button'
      button.setAttribute('aria-labelledby', title.id)
      button.setAttribute('aria-describedby', line.id)
      button.addEventListener('click', () => void ask({ weather: id, on: true }))
      row.append(button)
      return row
    }
    const box = make('input')
    box.type = 'checkbox'
    box.setAttribute('role', 'switch')
    box.setAttribute('aria-labelledby', title.id)
    box.setAttribute('aria-describedby', line.id)
    box.addEventListener('change', () => void ask({ weather: id, on: box.checked }))
    boxes.set(id, box)
    row.append(box)
    return row
  }

  byId('reset', HTMLButtonElement).addEventListener('click', () => void ask({ reset: true }))
  setInterval(() => void ask(), touchMs)
  void ask()
}

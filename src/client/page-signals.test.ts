import { afterEach, expect, it, vi } from 'vitest'
import { listenToPage } from './page-signals.ts'

afterEach(() => {
  vi.unstubAllGlobals()
})

it('tells what the page and the network say, and nothing after it was stopped', () => {
  const page = new EventTarget()
  const connection = Object.assign(new EventTarget(), { type: 'wifi' })
  const tab = { visibilityState: 'hidden' }
  vi.stubGlobal('addEventListener', page.addEventListener.bind(page))
  vi.stubGlobal('navigator', { connection })
  vi.stubGlobal('document', tab)
  const heard: string[] = []
  const stop = listenToPage((signal) => heard.push(signal))
  const play = (): void => {
    // A `change` of the page is a form's.
    for (const name of ['visibilitychange', 'online', 'pagehide', 'pageshow', 'change', 'resume'])
      page.dispatchEvent(new Event(name))
    connection.type += '+'
    connection.dispatchEvent(new Event('change'))
  }
  play()
  // The last two are `resume`, which counts although the page is hidden (N19), and the connection's `change`.
  expect(heard.splice(0)).toEqual(['network', 'hide', 'show', 'network', 'network'])
  tab.visibilityState = 'visible'
  play()
  expect(heard.splice(0)).toEqual(['visible', 'network', 'hide', 'show', 'network', 'network'])
  stop()
  play()
  expect(heard).toEqual([])
})

it.each([undefined, 'wifi'])('a new estimate of the same network (type %s) is not another one', (type) => {
  const connection = Object.assign(new EventTarget(), { type })
  vi.stubGlobal('navigator', { connection })
  const heard: string[] = []
  const stop = listenToPage((signal) => heard.push(signal))
  connection.dispatchEvent(new Event('change'))
  expect(heard).toEqual([])
  connection.type = 'cellular'
  connection.dispatchEvent(new Event('change'))
  connection.dispatchEvent(new Event('change'))
  expect(heard).toEqual(['network'])
  stop()
})

it('does nothing where there is no page', () => {
  expect(listenToPage(() => undefined)).not.toThrow()
})

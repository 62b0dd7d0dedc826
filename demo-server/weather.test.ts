import { once } from 'node:events'
import { afterEach, expect, it } from 'vitest'
import { createFaults, startTestServer } from 'holdfast/testing'
import type { TestServer } from 'holdfast/testing'
import { WebSocket } from 'ws'
import { applyWeather, findWeather, weathers } from './weather.ts'

let server: TestServer | undefined
afterEach(() => server?.close())

it.each(weathers.map(({ id }) => id))('%s: its rules are valid, and its undo leaves nothing', (id) => {
  const faults = createFaults()
  const weather = findWeather(id)
  expect(weather?.label).toBeTruthy()
  expect(weather?.description).toMatch(/^[A-Z].*\.$/)
  if (weather === undefined) return
  const stop = applyWeather(faults, weather)
  expect(faults.rules).toHaveLength(weather.rules.length)
  stop()
  expect(faults.rules).toEqual([])
})

it('captive-portal answers all with a page; everything-down cuts and refuses; the undo heals', async () => {
  server = await startTestServer()
  const { url, faults } = server
  const [portal, down] = [findWeather('captive-portal'), findWeather('everything-down')]
  if (portal === undefined || down === undefined) throw new Error('a weather is missing')
  const openSocket = () => new WebSocket(url.replace('http', 'ws'), 'holdfast.1')
  const living = openSocket()
  await once(living, 'open')
  const stop = applyWeather(faults, portal)
  expect((await fetch(`${url}/health`)).headers.get('content-type')).toContain('text/html')
  await expect(once(openSocket(), 'open')).rejects.toThrow('200')
  stop()
  const ended = once(living, 'close')
  const heal = applyWeather(faults, down)
  expect((await ended)[0]).toBe(1006)
  await expect(fetch(`${url}/health`)).rejects.toThrow()
  heal()
  expect((await fetch(`${url}/health`)).status).toBe(200)
})

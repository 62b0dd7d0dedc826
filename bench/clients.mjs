// @ts-check
// Raw clients of each wire, as light as they can be: what they cost is not measured, and must not be in the way of what is.
import { randomBytes } from 'node:crypto'
import { request } from 'node:http'
import { connect } from 'node:net'
import { WebSocket } from 'ws'
import { RunReader } from './run-reader.mjs'

/**
 * @typedef {{ n: number, sentUs: number, text: string }} Data
 * @typedef {object} Options
 * @property {number} port
 * @property {(batch: Data[]) => void} onBatch what one batch of the server brings, in order
 * @property {(error: Error) => void} onFailure
 * @property {string} [channel]
 * @typedef {{ publish(batch: Data[]): void }} Client
 * @typedef {'bare' | 'websocket' | 'sse' | 'long-poll'} Wire
 */

const CHANNEL = 'bench'
const HOST = '127.0.0.1'
let nonces = 0

/** @param {object} rest */
const hello = (rest) => {
  const client = randomBytes(16).toString('base64url')
  return { type: 'hello', protocol: 1, nonce: `n${++nonces}`, client, heartbeatMs: 60_000, ...rest }
}

/** @param {Options} options @returns {Promise<Client>} */
const openBare = ({ port, onBatch, onFailure }) =>
  new Promise((resolve) => {
    const socket = new WebSocket(`ws://${HOST}:${port}`, { perMessageDeflate: false })
    socket.on('error', onFailure)
    socket.on('close', () => onFailure(new Error('the bare server closed a socket')))
    socket.on('message', (data) => onBatch([JSON.parse(String(data))]))
    socket.on('open', () => {
      // A plain loop has no batches.
      resolve({ publish: (batch) => batch.forEach((data) => socket.send(JSON.stringify(data))) })
    })
  })

/**
 * A WebSocket link, with a subscription or for publishing only.
 * @param {Options} options @param {boolean} [subscribes] @returns {Promise<Client>}
 */
export const openWebSocket = ({ port, onBatch, onFailure, channel = CHANNEL }, subscribes = true) =>
  new Promise((resolve) => {
    const socket = new WebSocket(`ws://${HOST}:${port}/realtime`, 'holdfast.1', { perMessageDeflate: false })
    let sequence = 0
    /** @type {Client} */
    const client = {
      publish(batch) {
        const frames = batch.map((data) => ({ type: 'publish', channel, sequence: ++sequence, data }))
        // As the SDK does: what one turn publishes leaves as one batch.
        socket.send(JSON.stringify(frames))
      },
    }
    const reader = new RunReader({ onBatch, onReady: () => resolve(client) })
    socket.on('error', onFailure)
    socket.on('close', () => onFailure(new Error('the hub closed a WebSocket')))
    socket.on('message', (data) => {
      try {
        reader.take(String(data))
        if (!subscribes) resolve(client)
      } catch (error) {
        onFailure(/** @type {Error} */ (error))
      }
    })
    socket.on('open', () =>
      socket.send(JSON.stringify([hello(subscribes ? { channels: [{ channel, from: 'latest' }] } : {})])),
    )
  })

/** @param {Options} options @returns {Promise<void>} */
const openStream = ({ port, onBatch, onFailure, channel = CHANNEL }) =>
  new Promise((resolve) => {
    const reader = new RunReader({ onBatch, onReady: resolve })
    const headers = { 'Content-Type': 'application/json' }
    const sent = request({ host: HOST, port, path: '/realtime/stream', method: 'POST', headers, agent: false })
    sent.on('error', onFailure)
    sent.on('response', (response) => {
      let rest = ''
      response.setEncoding('utf8')
      response.on('error', onFailure)
      response.on('end', () => onFailure(new Error('the hub ended a stream')))
      response.on('data', (/** @type {string} */ chunk) => {
        const events = (rest + chunk).split('\n\n')
        rest = events.pop() ?? ''
        try {
          for (const event of events) reader.take(event.slice('data: '.length))
        } catch (error) {
          onFailure(/** @type {Error} */ (error))
        }
      })
    })
    sent.end(JSON.stringify([hello({ channels: [{ channel, from: 'latest' }] })]))
  })

/**
 * Held polls on one kept connection. Written on a bare socket, for Node's HTTP client costs more than the answer.
 * @param {Options} options @returns {Promise<void>}
 */
const openPoll = ({ port, onBatch, onFailure, channel = CHANNEL }) =>
  new Promise((resolve) => {
    const socket = connect({ host: HOST, port, noDelay: true })
    const reader = new RunReader({ onBatch, onReady: resolve })
    const template = hello({ waitMs: 25_000 })
    const ask = () => {
      const from = reader.position === null ? 'latest' : { after: reader.position }
      const body = JSON.stringify([{ ...template, nonce: `n${++nonces}`, channels: [{ channel, from }] }])
      const head = `POST /realtime/poll HTTP/1.1\r\nHost: ${HOST}\r\nContent-Type: application/json\r\n`
      socket.write(`${head}Content-Length: ${body.length}\r\n\r\n${body}`)
    }
    let held = ''
    // One character a byte, so that Content-Length counts characters; all that is sent here is ASCII.
    socket.setEncoding('latin1')
    socket.on('error', onFailure)
    socket.on('close', () => onFailure(new Error('the hub closed the connection of a poll')))
    socket.on('connect', ask)
    socket.on('data', (/** @type {string} */ chunk) => {
      held += chunk
      const start = held.indexOf('\r\n\r\n') + 4
      if (start < 4) return
      const length = Number(/^content-length: *(\d+)/im.exec(held.slice(0, start))?.[1])
      if (!(length >= 0)) onFailure(new Error(`a poll was answered without a length: ${held.slice(0, start)}`))
      if (held.length < start + length) return
      const batch = held.slice(start, start + length)
      held = held.slice(start + length)
      try {
        reader.take(batch)
        ask()
      } catch (error) {
        onFailure(/** @type {Error} */ (error))
      }
    })
  })

/** A subscriber. Resolves once the server has it. @param {Wire} wire @param {Options} options */
export const openSubscriber = async (wire, options) => {
  if (wire === 'bare') await openBare(options)
  else if (wire === 'websocket') await openWebSocket(options)
  else if (wire === 'sse') await openStream(options)
  else await openPoll(options)
}

/**
 * A publisher that is a subscriber too: it publishes over WebSocket, and its own messages come back over the wire that is
 * measured.
 * @param {Wire} wire @param {Options} options @returns {Promise<Client>}
 */
export const openOwnSubscriber = async (wire, options) => {
  if (wire === 'bare') return openBare(options)
  if (wire === 'websocket') return openWebSocket(options)
  const client = await openWebSocket(options, false)
  await openSubscriber(wire, options)
  return client
}

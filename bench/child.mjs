// @ts-check
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** A process of its own that answers questions one by one. */
export class Child {
  #process
  #name
  /** @type {{ resolve(answer: unknown): void, reject(error: Error): void } | null} */
  #waiting = null
  /** @type {any[]} */
  #answers = []
  /** @type {Error | null} */
  #failed = null

  /**
   * @param {string} script file beside this one
   * @param {{ args?: string[], execArgv?: string[] }} [options]
   */
  constructor(script, { args = [], execArgv = [] } = {}) {
    this.#name = script
    this.#process = fork(fileURLToPath(new URL(script, import.meta.url)), args, { execArgv })
    this.#process.on('message', (/** @type {any} */ message) => {
      if (message.failure) this.#fail(new Error(message.failure))
      else if (this.#waiting) this.#settle((waiting) => waiting.resolve(message))
      else this.#answers.push(message)
    })
    this.#process.on('error', (error) => this.#fail(error))
    this.#process.on('exit', (code) => this.#fail(new Error(`${this.#name} ended with ${code}`)))
  }

  /** The next message of the process. @returns {Promise<any>} */
  next() {
    if (this.#failed) return Promise.reject(this.#failed)
    if (this.#answers.length > 0) return Promise.resolve(this.#answers.shift())
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject }
    })
  }

  /** @param {any} question @returns {Promise<any>} */
  ask(question) {
    if (this.#process.connected) this.#process.send(question)
    return this.next()
  }

  /** Ends the process and waits for that. @returns {Promise<void>} */
  stop() {
    const child = this.#process
    if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve()
    return new Promise((resolve) => {
      child.once('exit', () => resolve())
      if (child.connected) child.send('stop', () => {})
      else child.kill()
    })
  }

  /** @param {Error} error */
  #fail(error) {
    this.#failed ??= error
    this.#settle((waiting) => waiting.reject(error))
  }

  /** @param {(waiting: { resolve(answer: unknown): void, reject(error: Error): void }) => void} how */
  #settle(how) {
    const waiting = this.#waiting
    this.#waiting = null
    if (waiting) how(waiting)
  }
}

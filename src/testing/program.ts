import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { main } from '../cli/main.ts'
import type { LoadPackage } from '../cli/packages.ts'
import type { Variables } from '../cli/effective.ts'

export interface Line {
  readonly event: string
  readonly [fact: string]: unknown
}

/** `holdfast serve` in this process, with all that it says. */
export class Program {
  readonly lines: Line[] = []
  out = ''
  err = ''
  readonly code: Promise<number>
  #signal: (signal: string) => void = () => {}
  #crash: (error: unknown) => void = () => {}
  #heard: () => void = () => {}

  constructor(args: readonly string[], env: Variables = {}, load?: LoadPackage) {
    this.code = main(
      ['serve', ...args],
      env,
      {
        out: (text) => {
          this.out += text
          if (text.startsWith('{"time"')) this.lines.push(JSON.parse(text) as Line)
          this.#heard()
        },
        err: (text) => {
          this.err += text
        },
        onSignal: (heard) => {
          this.#signal = heard
          this.#heard()
          return () => (this.#signal = () => {})
        },
        onCrash: (heard) => {
          this.#crash = heard
          return () => (this.#crash = () => {})
        },
        load,
      },
      '9.9.9',
    )
  }

  /** Ends it, however it stands. */
  async kill(): Promise<void> {
    this.signal()
    this.signal()
    await this.code
  }

  signal(name = 'SIGTERM'): void {
    this.#signal(name)
  }

  crash(error: unknown): void {
    this.#crash(error)
  }

  /** The line of an event, once it was written; fails when the program ends first. */
  async said(event: string): Promise<Line> {
    for (;;) {
      const line = this.lines.find((one) => one.event === event)
      if (line) return line
      const more = new Promise<'more'>((resolve) => (this.#heard = () => resolve('more')))
      const first = await Promise.race([more, this.code])
      if (first !== 'more') throw new Error(`ended with ${first} before ${event}: ${this.err}`)
    }
  }

  /** Where it listens. */
  async url(): Promise<string> {
    return String((await this.said('serve.listening'))['url'])
  }

  async stop(): Promise<number> {
    this.signal()
    return this.code
  }
}

/** A folder of its own for the files of a test, and the function that takes it away. */
export const fileFolder = (): {
  readonly write: (name: string, content: unknown) => string
  readonly remove: () => void
} => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-serve-'))
  return {
    write: (name, content) => {
      const path = join(folder, name)
      writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content))
      return path
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}

export const publish = (url: string, channel: string, token?: string, data: unknown = { n: 1 }): Promise<Response> =>
  fetch(`${url}/publish?channel=${channel}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(token !== undefined && { authorization: `Bearer ${token}` }) },
    body: JSON.stringify(data),
  })
export const frames = async (response: Response): Promise<{ type: string; [field: string]: unknown }[]> =>
  (await response.json()) as { type: string }[]
export const read = async (url: string, channel: string) =>
  frames(await fetch(`${url}/poll?channel=${channel}&since=earliest`))
export const codeOf = async (answer: Promise<Response>) =>
  (await frames(await answer)).find(({ type }) => type === 'error')?.['code']

import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import type { HubInspection } from '../../server/inspect.ts'
import type { Line } from '../program.ts'

/** How a process ended. */
export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

const STARTS_WITHIN_MS = 30_000
/** Events that are kept of all lives; a hub in trouble has a few dozen a second. */
const MAX_LINES = 20_000

/** `holdfast serve` in a process of its own, which can end in any way and come back on its port. */
export class HubProcess {
  readonly port: number
  /** What it has said, in all its lives. */
  readonly lines: Line[] = []
  readonly #args: readonly string[]
  #child!: ChildProcess
  #exit!: Promise<Exit>
  #inspectUrl = ''
  #said = ''
  readonly #onExit = (): void => void this.#child.kill('SIGKILL')

  private constructor(port: number, args: readonly string[]) {
    this.port = port
    this.#args = args
  }

  /** Resolves once it listens. @throws with what it said, when it does not */
  static async start(program: string, config: string, port: number, redisMs: number): Promise<HubProcess> {
    const hub = new HubProcess(port, [program, String(redisMs), '--config', config])
    process.once('exit', hub.#onExit)
    await hub.start()
    return hub
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/realtime`
  }

  /** As the system tells it: `S` sleeps, `T` was stopped. */
  get state(): string | undefined {
    return /\) (\w)/.exec(readFileSync(`/proc/${this.#child.pid}/stat`, 'utf8'))?.[1]
  }

  /** How often it has said this so far. */
  count(event: string): number {
    return this.lines.filter((line) => line.event === event).length
  }

  /** Another life, on the same port. */
  async start(): Promise<void> {
    const child = spawn(process.execPath, this.#args, { stdio: ['ignore', 'pipe', 'pipe'] })
    this.#child = child
    this.#said = ''
    this.#exit = new Promise((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })))
    child.stderr.on('data', (text: Buffer) => (this.#said = (this.#said + text.toString()).slice(-10_000)))
    const listening = new Promise<Line>((resolve) => {
      createInterface(child.stdout).on('line', (text) => {
        const line = JSON.parse(text) as Line
        if (this.lines.push(line) > MAX_LINES) this.lines.shift()
        if (line.event === 'serve.listening') resolve(line)
      })
    })
    const giveUp = setTimeout(() => child.kill('SIGKILL'), STARTS_WITHIN_MS)
    const first = await Promise.race([listening, this.#exit])
    clearTimeout(giveUp)
    if (!('event' in first)) throw new Error(`a hub ended with ${first.code ?? first.signal}: ${this.#said}`)
    this.#inspectUrl = String(first['metrics']).replace('/metrics', '/inspect')
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name)
  }

  /** Resolves with its end, which this signal brings about. */
  async end(name: 'SIGKILL' | 'SIGTERM'): Promise<Exit> {
    this.signal(name)
    return this.#exit
  }

  async inspect(): Promise<HubInspection> {
    return (await (await fetch(this.#inspectUrl)).json()) as HubInspection
  }

  /** Streams and WebSockets at it now. */
  async streams(): Promise<number> {
    const { links } = await this.inspect()
    return links.websocket + links.sse
  }

  async close(): Promise<void> {
    await this.end('SIGKILL')
    process.off('exit', this.#onExit)
  }
}

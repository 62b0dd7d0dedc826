// Chromium as a person has it. Playwright keeps its pages in focus: they are never hidden, and a freeze does nothing to them.
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Page } from '@playwright/test'
import { WebSocket } from 'ws'
import type { Scripted } from './page-harness.ts'

/** One tab, driven over the protocol of Chromium alone. */
export interface PlainPage extends Scripted {
  /** A command of the protocol to this tab. */
  send(method: string, params?: object): Promise<object>
  /** Brings its tab to the front of the window. */
  activate(): Promise<void>
  close(): Promise<void>
}

export interface PlainBrowser {
  /** Opens a tab, in front of the others or in a window of its own; resolves when its page is loaded. */
  open(url: string, where?: 'tab' | 'window'): Promise<PlainPage>
  /** Stops or continues all of its processes. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void
  close(): Promise<void>
}

interface Answer {
  readonly id?: number
  readonly result?: Record<string, unknown>
  readonly error?: { readonly message: string }
}

interface Connection {
  send(method: string, params?: object, sessionId?: string): Promise<Record<string, unknown>>
  close(): void
}

/** Commands and their answers; nobody here waits for events. */
const connect = async (url: string): Promise<Connection> => {
  const socket = new WebSocket(url)
  const waiting = new Map<number, (answer: Answer) => void>()
  socket.on('message', (data) => {
    const answer = JSON.parse((data as Buffer).toString()) as Answer
    if (answer.id === undefined) return
    waiting.get(answer.id)?.(answer)
    waiting.delete(answer.id)
  })
  socket.on('close', () => {
    for (const settle of waiting.values()) settle({ error: { message: 'the browser is gone' } })
  })
  await once(socket, 'open')
  let ids = 0
  return {
    send: (method, params = {}, sessionId) =>
      new Promise((resolve, reject) => {
        const id = ++ids
        waiting.set(id, ({ result = {}, error }) =>
          error ? reject(new Error(`${method}: ${error.message}`)) : resolve(result),
        )
        socket.send(JSON.stringify({ id, method, params, sessionId }))
      }),
    close: () => socket.terminate(),
  }
}

/** The browser says on stderr where it listens. */
const endpoint = (child: ChildProcess): Promise<string> =>
  new Promise((resolve, reject) => {
    let text = ''
    child.stderr?.on('data', (chunk: Buffer) => {
      text = (text + chunk.toString()).slice(-10_000)
      const url = /^DevTools listening on (ws:\S+)/m.exec(text)?.[1]
      if (url) resolve(url)
    })
    child.once('error', reject)
    child.once('exit', (code) => reject(new Error(`the browser ended with ${String(code)}:\n${text}`)))
  })

interface Evaluated {
  readonly result: { readonly value?: unknown }
  readonly exceptionDetails?: { readonly text: string; readonly exception?: { readonly description?: string } }
}

const pageOf = (send: Connection['send'], targetId: string, sessionId: string): PlainPage => ({
  evaluate: (async (task: unknown, argument: unknown) => {
    const { result, exceptionDetails } = (await send(
      'Runtime.evaluate',
      {
        expression: `(${String(task)})(${argument === undefined ? '' : JSON.stringify(argument)})`,
        awaitPromise: true,
        returnByValue: true,
        userGesture: true,
      },
      sessionId,
    )) as unknown as Evaluated
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text)
    return result.value
  }) as Page['evaluate'],
  send: (method, params) => send(method, params, sessionId),
  async activate() {
    await send('Target.activateTarget', { targetId })
  },
  async close() {
    await send('Target.closeTarget', { targetId })
  },
})

/** Starts a Chromium of its own, in a process group and with a profile of its own. */
export const startChromium = async (executablePath: string, args: readonly string[]): Promise<PlainBrowser> => {
  const profile = await mkdtemp(join(tmpdir(), 'holdfast-chromium-'))
  const own = ['--headless', '--remote-debugging-port=0', '--no-default-browser-check', `--user-data-dir=${profile}`]
  const child = spawn(executablePath, [...args, ...own, 'about:blank'], {
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const ended = new Promise((resolve) => child.once('exit', resolve))
  /** To the whole group: renderers and the network's process are children. */
  const signal = (name: NodeJS.Signals): void => {
    if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) process.kill(-child.pid, name)
  }
  const kill = () => signal('SIGKILL')
  // Also when the worker ends before it comes to close().
  process.once('exit', kill)
  const { send, close } = await connect(await endpoint(child))
  return {
    async open(url, where) {
      const target = (await send('Target.createTarget', { url, newWindow: where === 'window' })) as { targetId: string }
      const { targetId } = target
      const { sessionId } = (await send('Target.attachToTarget', { targetId, flatten: true })) as { sessionId: string }
      const page = pageOf(send, targetId, sessionId)
      const isLoaded = () => page.evaluate((url) => location.href === url && document.readyState === 'complete', url)
      // While the page is on its way there is nothing to evaluate it in.
      while (!(await isLoaded().catch(() => false))) await new Promise((resolve) => setTimeout(resolve, 10))
      return page
    },
    signal,
    async close() {
      kill()
      await ended
      process.off('exit', kill)
      close()
      await rm(profile, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}

import type { IncomingMessage, ServerResponse } from 'node:http'
import { askUpstream, readBody } from './http-message.ts'
import type { Upstream } from './http-message.ts'
import type { InnerFaults } from './faults.ts'
import type { ActiveRule } from './rule-table.ts'
import type { Link } from './link.ts'
import { rewriteBody } from './rewrite-body.ts'

/** A whole answer. */
export interface Answer {
  readonly status: number
  readonly statusMessage: string
  readonly rawHeaders: readonly string[]
  readonly body: Buffer
}

/** A request whose body was read, for actions that need the whole exchange. */
export interface Question {
  readonly faults: InnerFaults
  readonly upstream: Upstream
  readonly req: IncomingMessage
  readonly target: string
  readonly pathname: string
  /** Of the request as it goes on. */
  readonly rawHeaders: readonly string[]
  readonly body: Buffer
}

/** Asks the hub on a link of its own, which outlives the client's. Undefined when there was no whole answer. */
export function ask(question: Question): Promise<Answer | undefined> {
  const { faults, upstream, req, target, pathname, rawHeaders, body } = question
  return new Promise((resolve) => {
    const request = askUpstream(upstream, req, target, rawHeaders)
    const stop = (): void => {
      request.destroy()
    }
    const link = faults.openLink('http', pathname, { kill: stop, destroy: stop })
    request.on('error', () => {})
    let answered = false
    request.on('close', () => {
      link.end()
      if (!answered) resolve(undefined)
    })
    request.on('response', (answer) => {
      answered = true
      const status = answer.statusCode ?? 502
      link.log({ kind: 'status', status })
      answer.on('error', () => {})
      // A stream has no end to wait for; its head already shows that the hub acted.
      const endless = /^text\/event-stream/i.test(answer.headers['content-type'] ?? '')
      const whole = endless ? Promise.resolve(Buffer.alloc(0)) : readBody(answer, faults.settings.maxHeldBytes)
      void whole.then((bytes) => {
        const { statusMessage = '', rawHeaders } = answer
        resolve(bytes === undefined ? undefined : { status, statusMessage, rawHeaders, body: bytes })
        request.destroy()
      })
    })
    request.end(body)
  })
}

function give(link: Link, res: ServerResponse, answer: Answer | undefined): void {
  if (!link.open || res.destroyed) return
  if (answer === undefined) {
    link.kill('reset')
    return
  }
  link.log({ kind: 'status', status: answer.status })
  const { rawHeaders, body } = rewriteBody(link, 'down', answer)
  res.sendDate = false
  res.writeHead(answer.status, answer.statusMessage, [...rawHeaders])
  res.end(body)
}

const previousAnswers = new WeakMap<ActiveRule, Answer>()

/** Answers with what the request before got, like a cache. The hub is asked all the same, for the next one. */
export async function replayPrevious(active: ActiveRule, link: Link, res: ServerResponse, q: Question): Promise<void> {
  const previous = previousAnswers.get(active)
  if (previous === undefined) {
    // There is nothing to replay yet, so this does not count.
    active.fired--
  } else {
    link.fired(active)
    give(link, res, previous)
  }
  const answer = await ask(q)
  if (answer !== undefined) previousAnswers.set(active, answer)
  if (previous === undefined) give(link, res, answer)
}

/** Asks the hub, then loses the answer. */
export async function dropAnswer(active: ActiveRule, link: Link, question: Question): Promise<void> {
  await ask(question)
  if (!link.open) return
  link.fired(active)
  link.kill('reset')
}

interface Waiting {
  answered: number
  readonly release: () => void
}

const waiting = new WeakMap<ActiveRule, Waiting>()

/** Holds the answer to one request until the two after it were answered. */
export async function reorder(active: ActiveRule, link: Link, res: ServerResponse, q: Question): Promise<void> {
  const holder = waiting.get(active)
  if (holder !== undefined) {
    active.fired--
    res.once('finish', () => {
      holder.answered++
      if (holder.answered === 2) holder.release()
    })
    give(link, res, await ask(q))
    return
  }
  link.fired(active)
  active.watching = true
  const overtaken = new Promise<void>((resolve) => {
    const release = (): void => {
      waiting.delete(active)
      active.watching = false
      resolve()
    }
    waiting.set(active, { answered: 0, release })
    // A client that gives up must not leave the rule waiting for ever.
    res.once('close', release)
  })
  const answer = await ask(q)
  await overtaken
  give(link, res, answer)
}

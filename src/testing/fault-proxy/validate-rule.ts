import { exchangeActions, isOpeningRule, stageOf } from './rule.ts'
import type { Action, LinkKind, Match, Rule } from './rule.ts'

/** Input that is not a rule (or not a request to `cut`). `field` is the path of the bad field. */
export class RuleError extends Error {
  readonly code = 'invalid-rule'
  readonly field: string

  constructor(field: string, problem: string) {
    super(`${field}: ${problem}`)
    this.name = 'RuleError'
    this.field = field
  }
}

type Fields = Readonly<Record<string, unknown>>

/** Which fields each action may carry. A Map, so that `constructor` is no action. */
const actionFields: ReadonlyMap<string, readonly string[]> = new Map([
  ['refuse', []],
  ['hang', []],
  ['fin', ['bytes']],
  ['reset', ['bytes']],
  ['suppress', ['direction']],
  ['delay', ['ms', 'jitterMs']],
  ['throttle', ['bytesPerSecond']],
  ['slice', ['bytes', 'gapMs']],
  ['oneBehind', []],
  ['bufferAll', []],
  ['limit', ['bytes', 'ms']],
  ['respond', ['status', 'headers', 'body']],
  ['replayPrevious', []],
  ['reorder', []],
  ['duplicate', []],
  ['dropAnswer', []],
  ['inject', ['frame', 'where']],
  ['replace', ['frame', 'set']],
])

function object(value: unknown, field: string, allowed: readonly string[]): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new RuleError(field, 'must be an object')
  }
  for (const key of Object.keys(value)) {
    if (!allowed.includes(key)) throw new RuleError(`${field}.${key}`, `is unknown; known are ${allowed.join(', ')}`)
  }
  return value as Fields
}

/** 2^31 - 1 is where setTimeout wraps round to 1 ms. */
function integer(fields: Fields, key: string, field: string, min: number, max = 2 ** 31 - 1): void {
  const value = fields[key]
  if (value === undefined) return
  if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max) {
    throw new RuleError(`${field}.${key}`, `must be a whole number from ${min} to ${max}`)
  }
}

function oneOf(fields: Fields, key: string, field: string, values: readonly string[]): void {
  const value = fields[key]
  if (value === undefined) return
  if (typeof value !== 'string' || !values.includes(value)) {
    throw new RuleError(`${field}.${key}`, `must be one of ${values.join(', ')}`)
  }
}

function text(fields: Fields, key: string, field: string, minLength: number): void {
  const value = fields[key]
  if (value === undefined) return
  if (typeof value !== 'string' || value.length < minLength) {
    throw new RuleError(`${field}.${key}`, minLength > 0 ? 'must be a string that is not empty' : 'must be a string')
  }
}

function required(fields: Fields, field: string, ...keys: readonly string[]): void {
  for (const key of keys) if (fields[key] === undefined) throw new RuleError(`${field}.${key}`, 'is required')
}

function parseMatch(value: unknown): Match {
  const match = object(value, 'match', ['kind', 'path', 'nth', 'direction', 'frame', 'afterBytes', 'afterMs', 'held'])
  oneOf(match, 'kind', 'match', ['tcp', 'http', 'ws'])
  text(match, 'path', 'match', 1)
  integer(match, 'nth', 'match', 1)
  oneOf(match, 'direction', 'match', ['up', 'down'])
  text(match, 'frame', 'match', 1)
  integer(match, 'afterBytes', 'match', 0)
  integer(match, 'afterMs', 'match', 0)
  if (match['held'] !== undefined && typeof match['held'] !== 'boolean') {
    throw new RuleError('match.held', 'must be true or false')
  }
  if (match['kind'] === 'tcp') {
    for (const key of ['path', 'frame', 'held']) {
      if (match[key] !== undefined) throw new RuleError(`match.${key}`, 'is not visible on a TCP connection')
    }
  }
  if (match['kind'] === 'ws' && match['held'] !== undefined) {
    throw new RuleError('match.held', 'is about polls, and no WebSocket is one')
  }
  return { ...match }
}

// Node would throw on these later, in the middle of a request; a page must hear it when it adds the rule.
const headerName = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
const headerValue = /^[\t\x20-\x7e\x80-\xff]*$/

function headers(value: unknown): void {
  if (value === undefined) return
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new RuleError('action.headers', 'must be an object of strings')
  }
  for (const [name, content] of Object.entries(value)) {
    if (!headerName.test(name)) throw new RuleError('action.headers', `${JSON.stringify(name)} is not a header name`)
    if (typeof content !== 'string' || !headerValue.test(content)) {
      throw new RuleError(`action.headers.${name}`, 'must be a string without control characters')
    }
  }
}

const maxFrameBytes = 1_048_576

/** A copy, so that nobody changes a frame on its way. */
function frameFields(action: Fields, key: string): Fields {
  const value = action[key]
  if (value === undefined) return {}
  const field = `action.${key}`
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new RuleError(field, 'must be an object: the fields of a frame')
  }
  let text: string
  try {
    text = JSON.stringify(value)
  } catch {
    throw new RuleError(field, 'must be JSON')
  }
  if (Buffer.byteLength(text) > maxFrameBytes)
    throw new RuleError(field, `must be ${maxFrameBytes} bytes of JSON at most`)
  return { [key]: JSON.parse(text) as unknown }
}

function parseAction(value: unknown): Action {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new RuleError('action', 'must be an object')
  }
  const type = (value as Fields)['type']
  const fields = typeof type === 'string' ? actionFields.get(type) : undefined
  if (fields === undefined) throw new RuleError('action.type', `must be one of ${[...actionFields.keys()].join(', ')}`)
  const action = object(value, 'action', ['type', ...fields])
  integer(action, 'bytes', 'action', type === 'slice' ? 1 : 0)
  for (const key of ['ms', 'jitterMs', 'gapMs']) integer(action, key, 'action', 0)
  integer(action, 'bytesPerSecond', 'action', 1)
  integer(action, 'status', 'action', 200, 599)
  oneOf(action, 'direction', 'action', ['up', 'down', 'both'])
  oneOf(action, 'where', 'action', ['before', 'after'])
  text(action, 'body', 'action', 0)
  headers(action['headers'])
  if (type === 'delay') required(action, 'action', 'ms')
  if (type === 'throttle') required(action, 'action', 'bytesPerSecond')
  if (type === 'slice') required(action, 'action', 'bytes')
  if (type === 'respond') required(action, 'action', 'status')
  if (type === 'limit' && action['bytes'] === undefined && action['ms'] === undefined) {
    throw new RuleError('action.bytes', 'or action.ms is required')
  }
  if (type === 'inject') required(action, 'action', 'frame')
  if (type === 'replace' && (action['frame'] === undefined) === (action['set'] === undefined)) {
    throw new RuleError('action.frame', 'or action.set is required, and only one of them')
  }
  return { ...action, ...frameFields(action, 'frame'), ...frameFields(action, 'set') } as unknown as Action
}

/** Checks unknown input (rules also come over HTTP). @throws RuleError that names the field */
export function parseRule(value: unknown): Rule {
  const fields = object(value, 'rule', ['match', 'action', 'times'])
  integer(fields, 'times', 'rule', 1)
  const rule = {
    match: parseMatch(fields['match'] ?? {}),
    action: parseAction(fields['action']),
    ...(fields['times'] === undefined ? {} : { times: fields['times'] as number }),
  }
  checkTogether(rule)
  return rule
}

function checkTogether(rule: Rule): void {
  const { match, action } = rule
  if (match.kind !== 'http' && match.kind !== undefined && exchangeActions.has(action.type)) {
    throw new RuleError('match.kind', `must be http for ${action.type}`)
  }
  if (match.kind === 'tcp' && ['respond', 'bufferAll', 'oneBehind'].includes(action.type)) {
    throw new RuleError('match.kind', `must be http or ws for ${action.type}`)
  }
  if (stageOf(rule) === 'frames') {
    if (match.kind === 'tcp') throw new RuleError('match.kind', `must be http or ws for ${action.type}`)
    if (match.frame === undefined) throw new RuleError('match.frame', `is required for ${action.type}`)
  }
  if (isOpeningRule(rule)) {
    for (const key of ['afterBytes', 'afterMs'] as const) {
      if (match[key] !== undefined) throw new RuleError(`match.${key}`, `is too late for ${action.type}`)
    }
    if (match.direction === 'down') throw new RuleError('match.direction', `must be up for ${action.type}`)
    if (match.frame !== undefined && match.kind === 'ws') {
      throw new RuleError('match.frame', `is too late for ${action.type}: an upgrade carries no frame`)
    }
  }
  if (match.direction === 'up' && ['bufferAll', 'oneBehind', 'limit'].includes(action.type)) {
    throw new RuleError('match.direction', `must be down for ${action.type}, which acts on answers`)
  }
}

/** Which living links to end at once, and how. */
export interface CutOptions {
  readonly kind?: LinkKind
  readonly path?: string
  /** @default 'reset' */
  readonly how?: 'fin' | 'reset'
  /** A WebSocket is ended with this close code instead, as its server would; other links end with FIN. */
  readonly code?: number
}

/** Checks unknown input for `cut`. @throws RuleError that names the field */
export function parseCut(value: unknown): CutOptions {
  const fields = object(value ?? {}, 'cut', ['kind', 'path', 'how', 'code'])
  oneOf(fields, 'kind', 'cut', ['tcp', 'http', 'ws'])
  oneOf(fields, 'how', 'cut', ['fin', 'reset'])
  integer(fields, 'code', 'cut', 1000, 4999)
  text(fields, 'path', 'cut', 1)
  return { ...fields }
}

// docs/errors.md from the tables below, src/base/errors.ts and PROTOCOL.md §10; `--update` writes it, else it is compared.
// A code without an entry here, or an entry without a code, is a failure.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

const at = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url))
const page = 'docs/errors.md'

/** Cause and cure of each code that a hub sends, in the order of PROTOCOL.md §10. */
const WIRE = {
  'bad-request': {
    cause:
      'A frame, body, query, position or channel name is not as the protocol says. With this SDK on both ends it is mostly a bad channel name, a stored position that was cut, or a `key` that is not visible ASCII.',
    cure: 'Read `field`: it is the path of what is wrong. Sending the same again does not help.',
  },
  unauthorized: {
    cause:
      '`authenticate` threw: the token is missing, wrong or expired. Or it expired since: links end then, and a poll that was not held is told so.',
    cure: "The client asks `token()` once more with `reason: 'refused'`; give it a new one there. When that one is refused too the client stops and reports this on `error`. Log the person in, then call `client.connect()`.",
  },
  forbidden: {
    cause:
      '`authorize` did not return `true` for this user, action and channel. The answer is the same whether the channel exists or not.',
    cure: 'Grant it in `authorize`, or do not ask. That subscription or publish alone ends; the others go on. A permission that was just granted counts 2 s later at the latest.',
  },
  'forbidden-origin': {
    cause:
      "The page's origin is neither the hub's own nor in its `origins`; or a proxy before the hub changes `Host`; or a program opened a WebSocket without an `Origin`. The client reports every 403 on a whole request by this code.",
    cure: 'Add the origin to `origins`, exactly as the browser sends it: `https://app.example`, no path. For programs: `allowMissingOrigin: true`. A page of another origin may not read this answer, so the client there says `offline`; the console and the network panel of the browser show the 403.',
  },
  'not-found': {
    cause: "Below the hub's path there is no such endpoint.",
    cure: "Compare the client's `url` with the `path` given to `hub.attach`. The endpoints are in PROTOCOL.md §5 and §6.",
  },
  'method-not-allowed': {
    cause: 'The endpoint exists but does not have this method.',
    cure: 'The `Allow` header lists the methods. `/publish` takes `POST` only.',
  },
  timeout: {
    cause:
      'From the hub: the hello or the body did not arrive in time (10 s). From `publish()`: no answer within `timeoutMs`, and nothing was sent.',
    cure: 'Publish again: nothing was appended. If it comes often, look at the network or at proxies that hold bodies back.',
  },
  conflict: {
    cause: 'A publish repeated a `key` (or `Idempotency-Key`) with other data.',
    cure: 'One key belongs to one message. Make a new key for new data.',
  },
  'too-large': {
    cause: 'The data of one message is over 64 KiB of JSON, or a batch is over 256 KiB.',
    cure: 'Publish less, or a link to it; or raise `limits.dataBytes` and `limits.batchBytes` of the hub.',
  },
  'unsupported-type': {
    cause: "The body's content type is not taken here, is not UTF-8, or is compressed.",
    cure: 'Send `Content-Type: application/json`. `curl -d` without it sends a form.',
  },
  'too-many': {
    cause: 'Over a count: 128 channels of one reader, 16 in a URL, 64 publishes or 256 frames in a batch.',
    cure: 'Fewer channels with more in them, or a higher `limits.channelsPerReader`.',
  },
  'upgrade-required': {
    cause: 'A plain `GET` on the base path, which is for WebSocket; or a proxy that dropped the `Upgrade` header.',
    cure: 'Use `/poll` or `/stream` with curl. Behind a proxy, pass `Upgrade` and `Connection` on; until then the client uses another transport.',
  },
  'rate-limited': {
    cause:
      'New links, subscriptions, publishes or polls over a rate of the link, the user or the address; or as many links as one user or address may have. Everybody at once: the hub stands behind a proxy and takes it for one address.',
    cure: 'Wait for `retryAfterMs`. The client does, and sends again by itself. On the server: higher `limits`, and [`trustProxy`](security.md#rates-and-links) behind a proxy.',
  },
  internal: {
    cause: 'The hub failed; a hook that returned something impossible is the usual reason.',
    cure: 'Give the hub `onError` and read what it says. Nothing of it is told to the peer.',
  },
  unavailable: {
    cause:
      'The hub is closing or full, the store cannot answer, `authorize` threw or took longer than 2 s, `authenticate` said so (the keys of JSON Web Tokens cannot be fetched) or the user was revoked meanwhile, or no more publish keys can be remembered. From `hub.revoke`: this hub did it, the others do not know.',
    cure: 'The client tries again by itself, after `retryAfterMs`. On the server see `onError`, `logger` and `hub.health`.',
  },
  'out-of-order': {
    cause: 'An earlier publish of this link was refused for now, so this one waits behind it: the order is kept.',
    cure: 'None is needed: the client sends both again. It never reaches the application.',
  },
  unknown: {
    cause:
      'It cannot be said whether the publish was appended: it was sent, and no answer came in time, the client was closed, or the user changed.',
    cure: 'Look for the message in the channel, or publish with a `key` of your own: a repeat with the same key and data within two minutes is appended once.',
  },
}

/** Those that arise in the client, or in a call of the hub's own methods. */
const CLIENT = {
  aborted: {
    cause:
      'A `signal` of yours aborted: that of a `publish()` before anything was sent, of a `history()` before its answer, or of a subscription before it had its start.',
    cure: 'None is needed: nothing was appended. After the first send of a publish the code is `unknown`.',
  },
  closed: {
    cause: '`close()` was called; or a subscription was ended by `unsubscribe()` before it had its start.',
    cure: '`close()` is final: make a new client. For a pause use `disconnect()` and `connect()`.',
  },
  'outbox-full': {
    cause: '`maxOutbox` publishes (1000) wait for an answer already, mostly since nothing works at the moment.',
    cure: 'Show it, drop what is old, or publish again when `state` is `online`. It was not sent.',
  },
  'invalid-argument': {
    cause:
      'An option or argument is of no use: a URL with a query, an unknown transport, a bad start or position, data that is no JSON.',
    cure: 'Read `field`, and correct the call.',
  },
  offline: {
    cause: 'Nothing works at the moment. It is the `error` of the state `waiting`.',
    cure: 'None is needed: the client tries again at `retryAtMs`. `client.explain().summary` says what was seen; `client.connect()` tries at once.',
  },
  'token-failed': {
    cause: 'Your `token()` threw or rejected. Its reason is in `cause`.',
    cure: 'The attempt counts as failed and the next one asks again. Repair the source of the token.',
  },
  'listener-failed': {
    cause: 'One of your listeners threw, or returned a promise that rejected. The reason is in `cause`.',
    cure: 'Repair the listener. The other listeners and later messages were served all the same.',
  },
}

/** The members of a union of strings in src/base/errors.ts. */
function codesOf(name) {
  const path = at('src/base/errors.ts')
  const source = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.ES2022)
  const alias = source.statements.find(
    (statement) => ts.isTypeAliasDeclaration(statement) && statement.name.text === name,
  )
  if (!alias || !ts.isUnionTypeNode(alias.type)) throw new Error(`src/base/errors.ts has no union called ${name}`)
  return alias.type.types.map((type) => type.literal.text)
}

/** The rows of PROTOCOL.md §10: status, whether to retry, meaning. */
function wireFacts() {
  const rows = readFileSync(at('PROTOCOL.md'), 'utf8').matchAll(
    /^\| `([a-z-]+)` \| (\d{3}|–) \| ([^|]+) \| ([^|]+) \|$/gm,
  )
  return Object.fromEntries([...rows].map(([, code, status, retry, meaning]) => [code, { status, retry, meaning }]))
}

function mustMatch(union, table, name) {
  const codes = codesOf(union)
  const missing = codes.filter((code) => !Object.hasOwn(table, code))
  const extra = Object.keys(table).filter((code) => !codes.includes(code))
  if (missing.length || extra.length) {
    throw new Error(`${name} lacks [${missing.join(', ')}] and has too much [${extra.join(', ')}]`)
  }
}

function section(code, { cause, cure }, facts) {
  return [
    `### \`${code}\``,
    '',
    ...(facts ? [`*${facts}*`, ''] : []),
    `**Cause.** ${cause}`,
    '',
    `**Cure.** ${cure}`,
    '',
  ]
}

function generate() {
  const facts = wireFacts()
  mustMatch('WireErrorCode', WIRE, 'the table WIRE')
  mustMatch('WireErrorCode', facts, 'PROTOCOL.md §10')
  mustMatch('ClientErrorCode', CLIENT, 'the table CLIENT')
  const retries = {
    yes: 'the same may work later',
    no: 'the same does not help',
    'with a new token': 'may work with a new token',
  }
  const factsOf = (code) => {
    const { status, retry, meaning } = facts[code]
    const where = status === '–' ? 'In frames only' : `HTTP ${status}`
    return `${where}; ${retries[retry] ?? retry}. ${meaning[0].toUpperCase()}${meaning.slice(1)}.`
  }
  return `${[
    '<!-- Written by scripts/gen-errors.mjs; change it there, then run: node scripts/gen-errors.mjs --update -->',
    '',
    '# Errors',
    '',
    'Every error of the public API is a `HoldfastError`. Tell errors apart by `code`, never by `message`: the message is for people and may change.',
    '',
    '```ts',
    "import { createClient, isHoldfastError } from 'holdfast'",
    '',
    "const client = createClient({ url: '/realtime' })",
    "client.on('error', (error) => console.warn(error.code, error.message))",
    '',
    'try {',
    "  await client.publish('chat:lobby', { user: 'ann', text: 'hi' })",
    '} catch (error) {',
    "  if (isHoldfastError(error) && error.code === 'unknown') console.log('it may have arrived')",
    '  else throw error',
    '}',
    '```',
    '',
    'Where errors come from:',
    '',
    '| where | what |',
    '| --- | --- |',
    '| `publish()` rejects | `unknown`: it may have been appended. Every other code: it was not. |',
    "| `subscription.ready` rejects, `subscription.on('error')` | The hub refused this channel. The subscription has ended; the others go on. |",
    '| `history()` rejects | The hub refused this page for good, or it was given up. What may work later is asked for again by itself. |',
    "| `client.on('error')` | What concerns the whole client: a refused token or origin, `token-failed`, `listener-failed`. |",
    '| `client.state` with the name `waiting` | `offline`, and when the next try is. No error event: an outage is no fault of yours. |',
    '| a call throws | `invalid-argument` or `closed`. |',
    '',
    'Beside `code` and `message` an error has `retryable`, and where they are known `field`, `channel`, `status`, `retryAfterMs` and `cause`.',
    '`isHoldfastError` works across bundles and frames, where `instanceof` does not. Wrong settings of the hub (`origins`, `limits`, `authorize`) throw a `TypeError` at the start.',
    '',
    '## Codes that a hub sends',
    '',
    'Their table, with statuses, is PROTOCOL.md §10. In code: `HoldfastError.code`; on the wire: `code` of an error frame.',
    '',
    ...Object.entries(WIRE).flatMap(([code, entry]) => section(code, entry, factsOf(code))),
    '## Codes that arise in the client',
    '',
    "The hub's own `hub.publish()` uses `invalid-argument` too.",
    '',
    ...Object.entries(CLIENT).flatMap(([code, entry]) => section(code, entry)),
  ]
    .join('\n')
    .trimEnd()}\n`
}

const text = generate()
if (process.argv.includes('--update')) writeFileSync(at(page), text)
else if (!existsSync(at(page)) || readFileSync(at(page), 'utf8') !== text) {
  console.error(
    `${page} is not what scripts/gen-errors.mjs makes of the tables; run: node scripts/gen-errors.mjs --update`,
  )
  process.exitCode = 1
}

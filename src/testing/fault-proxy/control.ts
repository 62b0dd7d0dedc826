import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Faults } from './faults.ts'
import { readBody } from './http-message.ts'
import type { Rule } from './rule.ts'
import { RuleError } from './validate-rule.ts'
import type { CutOptions } from './validate-rule.ts'

const maxBodyBytes = 65_536
const maxEventsShown = 200

interface Reply {
  readonly status: number
  readonly body: unknown
}

/**
 * Control over HTTP, for pages. `GET`: rules and the newest events. `POST`: add the rule in the body; when the path ends
 * with `/cut`: cut what the body names. `DELETE`: all rules, or the one in `?id=`.
 */
export function controlHandler(faults: Faults): (req: IncomingMessage, res: ServerResponse) => void {
  return (req, res) => {
    reply(faults, req)
      .catch((error: unknown) => failure(error))
      .then(({ status, body }) => {
        const text = JSON.stringify(body)
        res.writeHead(status, {
          'Content-Type': 'application/json',
          'Content-Length': Buffer.byteLength(text),
          'Cache-Control': 'no-store',
          ...(status === 405 ? { Allow: 'GET, POST, DELETE' } : {}),
          // The rest of a body that was too long would be read as the next request.
          ...(status === 413 ? { Connection: 'close' } : {}),
        })
        res.end(text)
      })
      .catch(() => {
        res.destroy()
      })
  }
}

function bad(status: number, code: string, message: string, field: string): Reply {
  return { status, body: { code, message, field } }
}

function failure(error: unknown): Reply {
  if (error instanceof RuleError) return bad(400, error.code, error.message, error.field)
  if (error instanceof RangeError) return bad(400, 'too-many-rules', error.message, 'rule')
  return bad(500, 'internal', 'The request failed', '')
}

async function reply(faults: Faults, req: IncomingMessage): Promise<Reply> {
  const url = new URL(`http://control${(req.url ?? '/').replace(/^[^/]*/, '')}`)
  switch (req.method) {
    case 'GET': {
      const events = faults.log.slice(-maxEventsShown)
      return { status: 200, body: { rules: faults.rules, events, dropped: faults.dropped, links: faults.openLinks } }
    }
    case 'DELETE':
      return remove(faults, url.searchParams.get('id'))
    case 'POST':
      return post(faults, req, url.pathname.endsWith('/cut'))
    default:
      return bad(405, 'method-not-allowed', 'Use GET, POST or DELETE', 'method')
  }
}

function remove(faults: Faults, id: string | null): Reply {
  if (id === null) {
    faults.clear()
    return { status: 200, body: { removed: 'all' } }
  }
  if (!/^[1-9][0-9]{0,14}$/.test(id)) return bad(400, 'invalid-id', 'id: must be the number of a rule', 'id')
  return faults.remove(Number(id))
    ? { status: 200, body: { removed: Number(id) } }
    : bad(404, 'unknown-rule', `There is no rule ${id}`, 'id')
}

async function post(faults: Faults, req: IncomingMessage, cut: boolean): Promise<Reply> {
  // A form or text/plain body comes from any site without a preflight.
  if (!/^application\/json\s*(;|$)/i.test(req.headers['content-type'] ?? '')) {
    return bad(415, 'not-json', 'Content-Type must be application/json', 'content-type')
  }
  const body = await readBody(req, maxBodyBytes)
  if (body === undefined) return bad(413, 'too-large', `The body is longer than ${maxBodyBytes} bytes`, 'body')
  let value: unknown
  try {
    value = JSON.parse(body.toString() || '{}')
  } catch {
    return bad(400, 'invalid-json', 'The body is not JSON', 'body')
  }
  // Both check what they get: the types are a promise that only they can keep.
  if (cut) return { status: 200, body: { cut: faults.cut(value as CutOptions) } }
  return { status: 201, body: { id: faults.add(value as Rule) } }
}

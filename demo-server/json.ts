import type { IncomingMessage, ServerResponse } from 'node:http'
import { commonHeaders } from './static-files.ts'

/** Answers with JSON that nobody may keep. */
export function sendJson(res: ServerResponse, status: number, value: unknown): void {
  if (res.headersSent) return
  const body = JSON.stringify(value)
  res.writeHead(status, {
    ...commonHeaders,
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-store',
  })
  res.end(body)
}

/** Reads a small JSON body. Resolves with undefined when it is longer than allowed, broken off or not JSON. */
export async function readJson(req: IncomingMessage, maxBytes = 4096): Promise<unknown> {
  let text = ''
  try {
    req.setEncoding('utf8')
    for await (const chunk of req) {
      text += String(chunk)
      if (text.length > maxBytes) return undefined
    }
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}

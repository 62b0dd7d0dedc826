import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { extname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'

/** The URL path of one file, or of a folder: then it ends with a slash. */
export type Mount = { readonly path: string } & ({ readonly file: string } | { readonly folder: string })

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.map': 'application/json; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
}

const policy = (inline: readonly string[]) =>
  [
    "default-src 'self'",
    ...(inline.length > 0 ? [`script-src 'self' ${inline.join(' ')}`, `style-src 'self' ${inline.join(' ')}`] : []),
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
    "object-src 'none'",
  ].join('; ')

/** Headers of every answer that is not the hub's. */
export const commonHeaders: Readonly<Record<string, string>> = {
  'Content-Security-Policy': policy([]),
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
}

/** Answers with a short text. */
export function sendText(
  res: ServerResponse,
  status: number,
  text: string,
  headers: Record<string, string> = {},
): void {
  const body = `${text}\n`
  res.writeHead(status, {
    ...commonHeaders,
    'Content-Type': 'text/plain; charset=utf-8',
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-store',
    ...headers,
  })
  res.end(res.req.method === 'HEAD' ? undefined : body)
}

/** The file that a URL path stands for, or undefined. A path can never leave the folder of its mount. */
export function resolveFile(mounts: readonly Mount[], pathname: string): string | undefined {
  const mount = mounts.find((each) => ('file' in each ? pathname === each.path : pathname.startsWith(each.path)))
  if (!mount) return undefined
  if ('file' in mount) return mount.file
  let rest: string
  try {
    rest = decodeURIComponent(pathname.slice(mount.path.length))
  } catch {
    return undefined
  }
  if (rest === '' || rest.endsWith('/')) rest += 'index.html'
  // Plain names only: no empty, hidden or parent segment, no backslash, no drive, no NUL.
  if (!rest.split('/').every((segment) => /^[a-z0-9_-][a-z0-9_.-]*$/i.test(segment))) return undefined
  return join(mount.folder, rest)
}

/** Serves a GET or HEAD of one file. Resolves with false, and answers nothing, when there is no such file. */
export async function serveFile(req: IncomingMessage, res: ServerResponse, file: string): Promise<boolean> {
  const type = types[extname(file)]
  const info = type ? await stat(file).catch(() => undefined) : undefined
  if (!type || !info?.isFile()) return false
  const headers = { ...commonHeaders, 'Content-Type': type, 'Cache-Control': 'no-cache' }
  if (extname(file) === '.html') {
    const html = await readFile(file)
    res.writeHead(200, {
      ...headers,
      'Content-Length': html.length,
      'Content-Security-Policy': policy(inlineHashes(html.toString())),
      'Cache-Control': 'no-store',
    })
    res.end(req.method === 'HEAD' ? undefined : html)
    return true
  }
  const etag = `"${info.size.toString(36)}-${info.mtimeMs.toString(36)}"`
  if (req.headers['if-none-match'] === etag) {
    res.writeHead(304, { ...headers, ETag: etag })
    res.end()
    return true
  }
  res.writeHead(200, { ...headers, ETag: etag, 'Content-Length': info.size })
  if (req.method === 'HEAD') res.end()
  else await pipeline(createReadStream(file), res).catch(() => res.destroy())
  return true
}

/** The examples have their script in the page. It is allowed by its hash, so that the policy stays strict. */
function inlineHashes(html: string): string[] {
  const inline = [...html.matchAll(/<(script|style)(?:\s+type="module")?>([^]*?)<\/\1>/g)]
  return inline.map(([, , text = '']) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`)
}

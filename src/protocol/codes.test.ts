import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { CODES } from './codes.ts'

it('§10 the table of codes is that of PROTOCOL.md', () => {
  const text = readFileSync(new URL('../../PROTOCOL.md', import.meta.url), 'utf8')
  const rows = [...text.matchAll(/^\| `([\w-]+)` \| (\d+|–) \| ([\w ]+) \| (.+) \|$/gm)]
  const written = rows.map(([, code, status, retry, meaning]) => [
    code,
    { status: status === '–' ? 0 : Number(status), retryable: retry === 'yes', meaning },
  ])
  expect(Object.fromEntries(written)).toEqual(CODES)
})

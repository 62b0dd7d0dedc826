import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { resolveFile } from './static-files.ts'

const mounts = [
  { path: '/', file: '/site/index.html' },
  { path: '/pages/', folder: '/site/pages' },
  { path: '/one.js', file: '/elsewhere/one.js' },
]

describe('resolveFile', () => {
  it('finds files of folders and single files', () => {
    expect(resolveFile(mounts, '/pages/css/base.css')).toBe(join('/site/pages', 'css', 'base.css'))
    expect(resolveFile(mounts, '/pages/')).toBe(join('/site/pages', 'index.html'))
    expect(resolveFile(mounts, '/one.js')).toBe('/elsewhere/one.js')
    expect(resolveFile(mounts, '/')).toBe('/site/index.html')
  })

  it.each([
    '/pages/../secret',
    '/pages/%2e%2e/secret',
    '/pages/..%2fsecret',
    '/pages/..%5csecret',
    '/pages//etc/passwd',
    '/pages/%2fetc/passwd',
    '/pages/.git/config',
    '/pages/a%00.js',
    '/pages/%',
    '/pages/c:/x',
    '/other',
    '/one.js/x',
  ])('finds nothing at %s', (path) => {
    expect(resolveFile(mounts, path)).toBeUndefined()
  })
})

import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { settingsTable } from './help.ts'
import { DEFAULT_LIMITS } from '../server/limits.ts'
import { NAMES, SETTINGS, flagOf, variableOf } from './settings.ts'

const read = (path: string): string => readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), 'utf8')

describe('docs/serve.md', () => {
  const page = read('docs/serve.md')

  it('has the table of settings as the program has it', () => {
    const [, table] = /<!-- settings -->\n([^]*?)\n<!-- \/settings -->/.exec(page) ?? []
    expect(table).toBe(settingsTable())
  })

  it('names no flag and no variable that does not exist', () => {
    const flags = new Set([...NAMES.map(flagOf), 'help', 'version', 'print-config'])
    for (const [, line] of page.matchAll(/holdfast serve (.*)$/gm)) {
      for (const [, flag = ''] of (line ?? '').matchAll(/--([a-z-]+)/g)) expect(flags).toContain(flag)
    }
    const variables = NAMES.map(variableOf)
    for (const [variable] of page.matchAll(/HOLDFAST_[A-Z_]+/g)) expect(variables).toContain(variable)
  })

  it('lists every event, and none that does not exist', () => {
    const [, table = ''] = /## Events\n([^]*)$/.exec(page) ?? []
    const rows = table.split('\n').filter((line) => line.startsWith('| `'))
    const listed = rows.flatMap((row) => [...(row.split('|')[1] ?? '').matchAll(/`([^`]+)`/g)].map(([, name]) => name))
    const sources = [
      ...['server/telemetry.ts', 'server/logger.ts', 'integrations/redis/queue/redis-queue.ts'].map(
        (file) => `src/${file}`,
      ),
      ...readdirSync(fileURLToPath(new URL('.', import.meta.url)))
        .filter((file) => !file.includes('.test.'))
        .map((file) => `src/cli/${file}`),
    ].map(read)
    const written = sources.flatMap((source) => [
      ...source.matchAll(/(?:write\(|send\(|event: )(?:'\w+', )?'([a-z]+(?:\.[a-z]+)?)'/g),
    ])
    const names = new Set(
      written.map(([, name]) => name).filter((name) => !['debug', 'info', 'warn', 'error'].includes(name ?? '')),
    )
    for (const what of ['request', 'channel', 'frame']) names.add(`${what}.refused`)
    expect([...listed].sort()).toEqual([...names].sort())
  })
})

const ANALYZE = 'systemd-analyze'
const hasSystemd = spawnSync(ANALYZE, ['--version']).status === 0

describe('deploy/', () => {
  it.skipIf(!hasSystemd)('holdfast.service is a unit that systemd takes without a complaint', () => {
    const folder = mkdtempSync(join(tmpdir(), 'holdfast-unit-'))
    try {
      const unit = join(folder, 'holdfast.service')
      writeFileSync(unit, read('deploy/holdfast.service').replace('/usr/bin/node', process.execPath))
      const { status, stderr } = spawnSync(ANALYZE, ['verify', '--man=no', unit], { encoding: 'utf8' })
      expect(stderr.split('\n').filter((line) => line.includes('holdfast'))).toEqual([])
      expect(status).toBe(0)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })

  it('uses settings that exist, with what they are by default', () => {
    const variables = NAMES.map(variableOf)
    for (const file of ['Dockerfile', 'holdfast.service', 'nginx.conf']) {
      for (const [variable] of read(`deploy/${file}`).matchAll(/HOLDFAST_[A-Z_]+/g))
        expect(variables).toContain(variable)
    }
    const nginx = read('deploy/nginx.conf')
    expect(nginx).toContain(`server 127.0.0.1:${SETTINGS.port.byDefault} fail_timeout=1s;`)
    expect(nginx).toContain(`location ${SETTINGS.path.byDefault} {`)
    expect(nginx).toContain(`--keep-alive-seconds ${SETTINGS.keepAliveSeconds.byDefault}`)
    expect(nginx).toContain(`client_max_body_size ${DEFAULT_LIMITS.batchBytes / 1024}k;`)
    const silence = Number(/proxy_read_timeout (\d+)s/.exec(nginx)?.[1])
    expect(silence * 1000).toBeGreaterThan(DEFAULT_LIMITS.heartbeatMaxMs)
    const stop = Number(/TimeoutStopSec=(\d+)/.exec(read('deploy/holdfast.service'))?.[1])
    expect(stop).toBeGreaterThan(SETTINGS.drainSeconds.byDefault)
    expect(read('deploy/Dockerfile')).toContain(`:8080${SETTINGS.path.byDefault}/health?live`)
  })
})

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startBox } from '../../../middleboxes/box.ts'
import type { Box, BoxPlan } from '../../../middleboxes/box.ts'
import { deploySite } from '../../../middleboxes/deploy-site.ts'
import { freePorts } from '../../../middleboxes/free-ports.ts'
import { findProgram } from '../../../scripts/find-program.mjs'
import type { HubLimits } from '../../server/limits.ts'
import type { Column } from '../fault-matrix/columns.ts'
import { COLUMNS } from '../fault-matrix/columns.ts'
import { PREFIX } from '../fault-matrix/redis-log.ts'
import type { HubProgram } from './build-hub-program.ts'
import { HubProcess } from './hub-process.ts'
import { DRAIN_SECONDS, HUB_LIMITS, REDIS_MS } from './scale.ts'

/** One request as nginx has logged it at its end. */
export interface Answered {
  /** Seconds since 1970, of its end, and how long it took. */
  readonly endS: number
  readonly tookS: number
  readonly door: number
  readonly status: number
  /** Addresses of the hubs that were tried, and what each said, joined by `, `; `holdfast` when there was none to try. */
  readonly hubs: string
  readonly statuses: string
  readonly retryAfter: string
  readonly request: string
}

export type Door = Column | 'other'
const DOORS = ['other', ...COLUMNS] as const

export interface FleetOptions {
  readonly program: HubProgram
  /** Ports where the hubs find Redis, one each. */
  readonly redisPorts: readonly number[]
  /** @default scaled, as all durations are */
  readonly limits?: Partial<HubLimits> | undefined
  /** Time that Redis has for an answer. @default scaled */
  readonly redisMs?: number | undefined
  /** Longest time from SIGTERM to the exit. @default scaled */
  readonly drainSeconds?: number | undefined
}

/** Hubs as processes behind nginx, which has deploy/nginx.conf: each request goes to the next hub. */
export class Fleet {
  readonly hubs: readonly HubProcess[]
  readonly #nginx: Box<Door>
  readonly #folder: string

  private constructor(hubs: readonly HubProcess[], nginx: Box<Door>, folder: string) {
    this.hubs = hubs
    this.#nginx = nginx
    this.#folder = folder
  }

  static async start(options: FleetOptions): Promise<Fleet> {
    const { program, redisPorts, limits = HUB_LIMITS, redisMs = REDIS_MS, drainSeconds = DRAIN_SECONDS } = options
    const folder = mkdtempSync(join(tmpdir(), 'holdfast-fleet-'))
    const ports = Object.values(await freePorts(redisPorts.map((_, index) => `hub${index}`)))
    const starting = ports.map((port, index) => {
      const config = join(folder, `hub${index}.json`)
      const settings = {
        port,
        anonymous: 'all',
        presence: ['*'],
        allowMissingOrigin: true,
        trustProxy: 1,
        redisUrl: `redis://127.0.0.1:${redisPorts[index]}`,
        redisPrefix: PREFIX,
        historyMessages: 10_000,
        drainSeconds,
        metricsPort: 0,
        limits,
      }
      writeFileSync(config, JSON.stringify(settings))
      return HubProcess.start(program.file, config, port, redisMs)
    })
    const hubs = await Promise.all(starting)
    return new Fleet(hubs, await startNginx(ports), folder)
  }

  /** Through nginx. Each door is a port of the same site, by which its log tells who asked. */
  url(door: Door): string {
    return this.#nginx.url(door)
  }

  /** All that nginx has answered so far; a link is there once it is over. */
  log(): Answered[] {
    return this.#nginx
      .log()
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as Answered)
  }

  /** What came through one door. */
  requests(door: Door): Answered[] {
    const port = this.#nginx.port(door)
    return this.log().filter((request) => request.door === port)
  }

  async close(): Promise<void> {
    await this.#nginx.stop()
    for (const hub of this.hubs) await hub.close()
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

const startNginx = (hubs: readonly number[]): Promise<Box<Door>> => {
  const plan: BoxPlan<Door> = {
    template: 'nginx-nodes.conf',
    doors: DOORS,
    args: ({ folder, config, ports }) => {
      writeFileSync(join(folder, 'site.conf'), deploySite(Object.values(ports), hubs))
      return ['-p', folder, '-c', config, '-e', join(folder, 'log')]
    },
  }
  return startBox(findProgram('nginx') ?? 'nginx', plan, {}, async (url) => {
    const answer = await fetch(`${url}/health`).catch(() => undefined)
    return (await answer?.text()) === '{"status":"ready"}'
  })
}

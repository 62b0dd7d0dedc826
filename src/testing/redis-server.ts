import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createClient } from 'redis'
import { findProgram } from '../../scripts/find-program.mjs'
import type { Names } from '../integrations/redis/names.ts'
import { describeWith } from './describe-with.ts'

type Entry = readonly [id: string, fields: readonly string[]]

export interface RedisServer {
  readonly port: number
  readonly url: string
  /** One command, past every store. Rejects when the server is not there. */
  command(...words: string[]): Promise<unknown>
  /** Ends it at once, as a machine that loses its power. */
  kill(): Promise<void>
  /** Stands still, and goes on: its connections stay open. */
  pause(): void
  resume(): void
  /** The same address again, with what was on the disk. */
  restart(): Promise<void>
  stop(): Promise<void>
}

const host = '127.0.0.1'
const STARTS_WITHIN_MS = 15_000

/** Below those that outgoing connections take by themselves. */
const PORTS = { from: 10_000, count: 22_000 }
let ports = randomInt(PORTS.count)

/** Another one each time: it is still free when a program has come so far as to listen there. */
export const freePort = async (): Promise<number> => {
  for (let tries = 0; tries < PORTS.count; tries++) {
    const port = PORTS.from + (ports++ % PORTS.count)
    const server = createServer().listen(port, host)
    try {
      await once(server, 'listening')
    } catch {
      // Somebody is there.
      continue
    }
    server.close()
    await once(server, 'close')
    return port
  }
  throw new Error(`no port is free from ${PORTS.from} to ${PORTS.from + PORTS.count - 1}`)
}

/** Never connected: the `redis` package builds a class of some hundred commands, unless one client is made of another. */
const model = createClient()

/** Ends what still runs, whatever way this process ends. */
const leftovers = new Set<() => void>()
process.once('exit', () => {
  for (const end of leftovers) end()
})

/**
 * Starts the real program on a free port with a folder of its own; without `args` it keeps nothing on the disk.
 * @throws with what it said, when it does not serve
 */
export const startRedisServer = async (args: readonly string[] = ['--save', '']): Promise<RedisServer> => {
  const program = findProgram('redis-server')
  if (program === undefined) throw new Error('redis-server was not found')
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-redis-'))
  const port = await freePort()
  let child: ChildProcess | undefined
  const launch = async (): Promise<void> => {
    const started = spawn(program, ['--port', String(port), '--bind', host, '--dir', folder, ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    child = started
    await new Promise<void>((resolve, reject) => {
      let said = ''
      const giveUp = setTimeout(() => reject(new Error(`redis-server does not serve:\n${said}`)), STARTS_WITHIN_MS)
      started.once('exit', () => reject(new Error(`redis-server ended:\n${said}`)))
      started.stdout.on('data', (chunk: Buffer) => {
        said = (said + chunk.toString()).slice(-10_000)
        if (!said.includes('eady to accept connections')) return
        clearTimeout(giveUp)
        resolve()
      })
    })
  }
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    const ending = child
    child = undefined
    if (ending?.exitCode !== null) return
    const ended = once(ending, 'exit')
    ending.kill('SIGCONT')
    ending.kill(signal)
    await ended
  }
  const onExit = (): void => {
    child?.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }
  leftovers.add(onExit)
  const url = `redis://${host}:${port}`
  const newAdmin = async () => {
    const client = model.duplicate({ url })
    client.on('error', () => undefined)
    await client.connect()
    return client
  }
  await launch()
  let admin = await newAdmin()
  return {
    port,
    url,
    command: (...words) => admin.sendCommand(words),
    kill: async () => {
      admin.destroy()
      await end('SIGKILL')
    },
    pause: () => void child?.kill('SIGSTOP'),
    resume: () => void child?.kill('SIGCONT'),
    restart: async () => {
      admin.destroy()
      await end('SIGKILL')
      await launch()
      admin = await newAdmin()
    },
    stop: async () => {
      if (admin.isOpen) admin.destroy()
      await end('SIGKILL')
      leftovers.delete(onExit)
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** How many errors of a kind it has answered with. */
export const errorsOf = async (server: RedisServer, kind: string): Promise<number> =>
  Number(
    new RegExp(`errorstat_${kind}:count=(\\d+)`).exec(String(await server.command('INFO', 'errorstats')))?.[1] ?? 0,
  )

/** A `describe` that needs Redis. */
export const describeRedis = (name: string, define: () => void): void => describeWith(['redis-server'], name, define)

/** The replica has a link to its master, and began with what that had. */
export const isFollowing = async (replica: RedisServer): Promise<boolean> =>
  String(await replica.command('INFO', 'replication')).includes('master_link_status:up')

/** Starts a replica of a server, and resolves when it follows. */
export const startReplica = async (server: RedisServer): Promise<RedisServer> => {
  // By way of the disk it is let in at once; without it, only when it says, a second later, that it is there.
  await server.command('CONFIG', 'SET', 'repl-diskless-sync', 'no')
  const replica = await startRedisServer(['--save', '', '--replicaof', host, String(server.port)])
  while (!(await isFollowing(replica)));
  return replica
}

/** Resolves when a replica has all that its master has now. */
export const hasAll = async ({ server, replica }: { readonly server: RedisServer; readonly replica: RedisServer }) => {
  const [, end] = (await server.command('ROLE')) as [string, number]
  while (Number(((await replica.command('ROLE')) as unknown[])[4]) < end);
}

/** From here on a replica hears nothing more of its master: that has no password, and lets nobody in who gives one. */
export const deafen = async (replica: RedisServer): Promise<void> => {
  await replica.command('CONFIG', 'SET', 'masterauth', 'pa55')
  await replica.command('CLIENT', 'KILL', 'TYPE', 'master')
}

/** Takes the newest messages out of a log as a failover to a replica that lags does: the log goes on before them. */
export const loseTail = async (
  server: RedisServer,
  names: Pick<Names, 'meta' | 'log'>,
  count: number,
): Promise<void> => {
  const newest = (await server.command('XREVRANGE', names.log, '+', '-', 'COUNT', String(count + 1))) as Entry[]
  for (const [id] of newest.slice(0, count)) await server.command('XDEL', names.log, id)
  const [id = '0-0', fields = []] = newest[count] ?? []
  await server.command('XSETID', names.log, id)
  await server.command('HSET', names.meta, 'head', id.replace('-0', ''), 'headId', fields[1] ?? '0')
}

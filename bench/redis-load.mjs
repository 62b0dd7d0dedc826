// @ts-check
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createClient } from 'redis'
import { redisStore } from 'holdfast/redis'
import { findProgram } from '../scripts/find-program.mjs'
import { spread } from './numbers.mjs'

const APPENDS = 4_000
const IN_FLIGHT = 32
const ROUNDS = 3
/** Hubs that read the channel: each gets a notice of every append, whatever readers it has. */
const HUBS = [1, 2, 4, 8]
const DATA = JSON.stringify({ price: 101.25, note: 'x'.repeat(80) })

/** A port that nobody listens on. @returns {Promise<number>} */
const freePort = () =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
      server.close(() => resolve(port))
    })
  })

/** Processor time of Redis, user and system, µs. @param {import('redis').RedisClientType} client */
const usedUs = async (client) => {
  const text = String(await client.sendCommand(['INFO', 'cpu']))
  const of = (/** @type {string} */ name) => Number(new RegExp(`${name}:([0-9.]+)`).exec(text)?.[1])
  return (of('used_cpu_user') + of('used_cpu_sys')) * 1e6
}

/** Appends at one hub while so many watch the channel; µs of Redis for one. @param {{ url: string, hubs: number, round: number }} run */
const costOf = async ({ url, hubs, round }) => {
  const client = /** @type {import('redis').RedisClientType} */ (createClient({ url }))
  await client.connect()
  const stores = Array.from({ length: hubs }, () => redisStore({ url, prefix: `bench-${hubs}-${round}` }))
  let heard = 0
  for (const store of stores) await store.watch('bench', () => heard++)
  const before = await usedUs(client)
  let left = APPENDS
  const lane = async () => {
    while (left-- > 0) await stores[0]?.append('bench', { json: DATA })
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, lane))
  while (heard < APPENDS * hubs) await new Promise((resolve) => setTimeout(resolve, 5))
  const cost = ((await usedUs(client)) - before) / APPENDS
  await Promise.all(stores.map((store) => store.close()))
  await client.close()
  return cost
}

/** Prints what an append costs Redis, by the number of hubs that read the channel. */
export const redisLoad = async () => {
  const program = findProgram('redis-server')
  if (program === undefined) {
    console.log('\nnot run: redis-server is not installed')
    return
  }
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-bench-'))
  const port = await freePort()
  const args = ['--port', String(port), '--dir', folder, '--save', '', '--appendonly', 'no', '--loglevel', 'warning']
  const redis = spawn(program, args, { stdio: 'ignore' })
  /** @type {Promise<never>} */
  const failed = new Promise((_, reject) => redis.on('error', reject))
  failed.catch(() => {})
  try {
    const url = `redis://127.0.0.1:${port}`
    console.log(`\nProcessor time of Redis for one append, µs; medians of ${ROUNDS} (least–greatest)`)
    for (const hubs of HUBS) {
      const costs = []
      for (let round = 0; round < ROUNDS; round++)
        costs.push(await Promise.race([failed, costOf({ url, hubs, round })]))
      const { median, least, greatest } = spread(costs)
      console.log(`${String(hubs).padStart(2)} hubs  ${median.toFixed(0)} (${least.toFixed(0)}–${greatest.toFixed(0)})`)
    }
  } finally {
    redis.kill()
    rmSync(folder, { recursive: true, force: true })
  }
}

import { freePort, isFollowing, startRedisServer } from './redis-server.ts'
import type { RedisServer } from './redis-server.ts'
import { tlsArgs } from './redis-tls.ts'
import type { Certificates } from './redis-tls.ts'

const SLOTS = 16_384
const MASTERS = 3
/** Generous: on a machine that is busy nobody may be taken for dead who is not. Tests promote a replica by hand. */
const NODE_TIMEOUT_MS = 15_000
const SETTLES_WITHIN_MS = 60_000
const PAUSE_MS = 20

export interface RedisClusterNode extends RedisServer {
  /** Its name in the cluster. */
  readonly id: string
  readonly busPort: number
  /** Where clients come: with TLS another than that of `command`. */
  readonly clientPort: number
}

/** Three masters with a third of the slots each, and a replica of each of the first `replicas`. */
export interface RedisCluster {
  readonly masters: readonly RedisClusterNode[]
  /** `replicas[n]` is that of `masters[n]`. */
  readonly replicas: readonly RedisClusterNode[]
  readonly nodes: readonly RedisClusterNode[]
  readonly urls: readonly string[]
  /** The master that has a slot now, as it says itself: the others may not have heard of it yet. */
  ownerOf(slot: number): Promise<RedisClusterNode>
  /** One command on each of `nodes`. */
  everywhere(...words: string[]): Promise<unknown[]>
  /**
   * Moves a slot as `redis-cli --cluster reshard` does, one key after the other. `moving` runs when the move is announced and no key has
   * gone, `gone` when all have, and before the slot has.
   */
  moveSlot(slot: number, to: RedisClusterNode, steps?: MoveSteps): Promise<void>
  /** Makes a replica the master of its slots, as an election does when the master is gone. */
  promote(replica: RedisClusterNode): Promise<void>
  stop(): Promise<void>
}

export interface MoveSteps {
  readonly moving?: () => Promise<unknown>
  readonly gone?: () => Promise<unknown>
}

type Slots = readonly (readonly [from: number, to: number, ...nodes: (readonly [string, number, string])[]])[]

/** Waits for `isSo`. @throws when it does not come to be */
const until = async (what: string, isSo: () => Promise<boolean>): Promise<void> => {
  const endMs = performance.now() + SETTLES_WITHIN_MS
  while (!(await isSo())) {
    if (performance.now() > endMs) throw new Error(`waited ${SETTLES_WITHIN_MS} ms in vain: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
  }
}

const startNode = async (tls: Certificates | undefined): Promise<RedisClusterNode> => {
  const [busPort, tlsPort] = [await freePort(), tls ? await freePort() : undefined]
  const secure = tls && tlsPort ? [...tlsArgs(tlsPort, tls, tls.server, 'no'), '--tls-cluster', 'yes'] : []
  const own = ['--cluster-enabled', 'yes', '--cluster-port', String(busPort)]
  const timeout = ['--cluster-node-timeout', String(NODE_TIMEOUT_MS)]
  const server = await startRedisServer([
    '--save',
    '',
    '--repl-diskless-sync-delay',
    '0',
    ...own,
    ...timeout,
    ...secure,
  ])
  const url = tlsPort === undefined ? server.url : `rediss://127.0.0.1:${tlsPort}`
  return {
    ...server,
    url,
    busPort,
    clientPort: tlsPort ?? server.port,
    id: String(await server.command('CLUSTER', 'MYID')),
  }
}

/** Starts a real cluster, with `tls` for its clients and among its nodes. @throws when it does not come up */
export const startRedisCluster = async (replicas = 1, tls?: Certificates): Promise<RedisCluster> => {
  const nodes = await Promise.all(Array.from({ length: MASTERS + replicas }, () => startNode(tls)))
  const masters = nodes.slice(0, MASTERS)
  const others = nodes.slice(MASTERS)
  const stop = async (): Promise<void> => {
    await Promise.all(nodes.map((node) => node.stop()))
  }
  const everywhere = (...words: string[]) => Promise.all(nodes.map((node) => node.command(...words)))
  const isOk = async (): Promise<boolean> => {
    const infos = (await everywhere('CLUSTER', 'INFO')).map(String)
    return infos.every((info) => info.includes('cluster_state:ok') && info.includes(`known_nodes:${nodes.length}`))
  }
  try {
    for (const [n, master] of masters.entries()) {
      const [from, to] = [n, n + 1].map((part) => Math.floor((SLOTS * part) / MASTERS)) as [number, number]
      await master.command('CLUSTER', 'ADDSLOTSRANGE', String(from), String(to - 1))
    }
    for (const [n, node] of nodes.entries()) {
      await node.command('CLUSTER', 'SET-CONFIG-EPOCH', String(n + 1))
      const [{ clientPort, busPort }] = nodes as [RedisClusterNode]
      if (n > 0) await node.command('CLUSTER', 'MEET', '127.0.0.1', String(clientPort), String(busPort))
    }
    await until('the nodes know each other', isOk)
    for (const [n, replica] of others.entries()) {
      await until('the replica knows its master', async () =>
        String(await replica.command('CLUSTER', 'NODES')).includes(masters[n]!.id),
      )
      await replica.command('CLUSTER', 'REPLICATE', masters[n]!.id)
      await until('the replica follows', () => isFollowing(replica))
    }
  } catch (error) {
    await stop()
    throw error
  }
  const ownerIdIn = async (node: RedisServer, slot: number): Promise<string | undefined> => {
    const table = (await node.command('CLUSTER', 'SLOTS')) as Slots
    return table.find(([from, to]) => from <= slot && slot <= to)?.[2]?.[2]
  }
  const ownerOf = async (slot: number): Promise<RedisClusterNode> => {
    for (const node of nodes) {
      if ((await ownerIdIn(node, slot).catch(() => undefined)) === node.id) return node
    }
    throw new Error(`nobody has the slot ${slot}`)
  }
  return {
    masters,
    replicas: others,
    nodes,
    urls: masters.map(({ url }) => url),
    ownerOf,
    everywhere,
    moveSlot: async (slot, to, { moving, gone } = {}) => {
      const from = await ownerOf(slot)
      await to.command('CLUSTER', 'SETSLOT', String(slot), 'IMPORTING', from.id)
      await from.command('CLUSTER', 'SETSLOT', String(slot), 'MIGRATING', to.id)
      await moving?.()
      for (;;) {
        const [key] = (await from.command('CLUSTER', 'GETKEYSINSLOT', String(slot), '1')) as string[]
        if (key === undefined) break
        await from.command('MIGRATE', '127.0.0.1', String(to.clientPort), key, '0', '5000')
      }
      await gone?.()
      for (const node of [to, from, ...masters.filter((one) => one !== to && one !== from)]) {
        await node.command('CLUSTER', 'SETSLOT', String(slot), 'NODE', to.id)
      }
    },
    promote: async (replica) => {
      await replica.command('CLUSTER', 'FAILOVER', 'TAKEOVER')
      await until('the replica is a master', async () => String(await replica.command('ROLE')).startsWith('master'))
    },
    stop,
  }
}

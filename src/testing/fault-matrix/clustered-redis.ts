import { networkInterfaces } from 'node:os'
import { slotOfChannel } from '../cluster-stores.ts'
import { startRedisCluster } from '../redis-cluster.ts'
import type { RedisCluster, RedisClusterNode } from '../redis-cluster.ts'
import type { RedisServer } from '../redis-server.ts'
import { startTcpGate } from '../tcp-gate.ts'
import type { TcpGate } from '../tcp-gate.ts'
import type { RedisAddress, ReplicatedServer, RedisSite } from './redis-site.ts'

/** A loopback address for each hub, where all nodes have the ports that they have at the first. */
const HOSTS = ['127.0.0.2', '127.0.0.3', '127.0.0.4'] as const

/** Linux has all that begin with 127, others those that they were told to have. */
export const missingHosts = (): readonly string[] => {
  const there = Object.values(networkInterfaces()).flatMap((all = []) => all.map(({ address }) => address))
  return process.platform === 'linux' ? [] : HOSTS.filter((host) => !there.includes(host))
}

/** A cluster of three masters, the first of which has a replica. */
export class ClusteredRedis implements RedisSite {
  readonly cluster: RedisCluster
  readonly numsub = 'SHARDNUMSUB'
  readonly hubs: readonly RedisAddress[]
  readonly #gates: ReadonlyMap<RedisServer, readonly TcpGate[]>

  private constructor(cluster: RedisCluster, gates: ReadonlyMap<RedisServer, readonly TcpGate[]>) {
    this.cluster = cluster
    this.hubs = HOSTS.map((host) => ({ cluster: cluster.masters.map(({ port }) => `redis://${host}:${port}`) }))
    this.#gates = gates
  }

  /** With ways to each node for three hubs. */
  static async start(): Promise<ClusteredRedis> {
    const cluster = await startRedisCluster(1)
    // Nodes say no host, which means the one that they were asked at: so each hub stays on its own ways, wherever it is sent on to.
    await cluster.everywhere('CONFIG', 'SET', 'cluster-preferred-endpoint-type', 'unknown-endpoint')
    const gates = new Map<RedisServer, TcpGate[]>()
    for (const node of cluster.nodes) {
      const ways: TcpGate[] = []
      for (const host of HOSTS) ways.push(await startTcpGate(node.port, { host, port: node.port }))
      gates.set(node, ways)
    }
    return new ClusteredRedis(cluster, gates)
  }

  get servers(): readonly RedisServer[] {
    return this.cluster.nodes
  }

  get address(): RedisAddress {
    return { cluster: this.cluster.urls }
  }

  serverOf(channel: string): Promise<RedisClusterNode> {
    return this.cluster.ownerOf(slotOfChannel(channel))
  }

  gatesTo(server: RedisServer): readonly TcpGate[] {
    return this.#gates.get(server) ?? []
  }

  pair(): Promise<ReplicatedServer> {
    const { masters, replicas } = this.cluster
    return Promise.resolve({ server: masters[0]!, replica: replicas[0]! })
  }

  async takeOver(replica: RedisServer, meanwhile: () => Promise<void>): Promise<void> {
    const node = this.cluster.nodes.find((one) => one === replica)
    if (!node) throw new Error('no node of this cluster')
    const gates = this.gatesTo(node)
    for (const gate of gates) gate.shut()
    await this.cluster.promote(node)
    await meanwhile()
    for (const gate of gates) gate.open()
  }

  async stop(): Promise<void> {
    for (const gates of this.#gates.values()) for (const gate of gates) await gate.close()
    await this.cluster.stop()
  }
}

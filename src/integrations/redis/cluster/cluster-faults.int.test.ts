import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { systemClock } from '../../../base/clock.ts'
import { nodeEnvironment } from '../../../server/node-clock.ts'
import { ALL, ClusterStores, Load, POLL, count, jsonOf } from '../../../testing/cluster-stores.ts'
import { startRedisCluster } from '../../../testing/redis-cluster.ts'
import type { RedisCluster } from '../../../testing/redis-cluster.ts'
import { describeRedis, errorsOf, startRedisServer } from '../../../testing/redis-server.ts'
import { startTcpGate } from '../../../testing/tcp-gate.ts'
import { RedisStore } from '../redis-store.ts'
import { slotOf } from './slots.ts'

let cluster: RedisCluster
let stores: ClusterStores
beforeAll(async () => {
  cluster = await startRedisCluster(1)
  stores = new ClusterStores(cluster)
})
afterEach(() => stores.end())
afterAll(() => cluster.stop())

describeRedis('RedisStore and its cluster', () => {
  it('S20 R14 what one hub appends another reads and hears of, whatever node it lies on', async () => {
    const a = stores.open()
    const b = stores.open({ prefix: a.prefix, cluster: [cluster.urls[2]!] })
    for (const channel of await stores.oneToEach()) {
      const heard = await b.watched(channel)
      await a.store.append(channel, { json: '"😀"', sender: 'ann' })
      await expect.poll(() => heard.length, POLL).toBe(1)
      const { messages, after } = await b.store.read(channel, 'earliest', ALL)
      expect(heard).toEqual([{ after, message: messages[0] }])
    }
  })

  it('takes names to be in the slots that the nodes take them to be in', async () => {
    for (const name of ['', 'a', '{a}b', 'a{}b', '{}', '{', '{}{a}', 'x{ä}y', '😀', 'a'.repeat(1000)]) {
      expect(slotOf(name), name).toBe(Number(await cluster.masters[0]!.command('CLUSTER', 'KEYSLOT', name)))
    }
  })

  it('announces to all stores of one prefix, wherever they listen', async () => {
    const a = stores.open()
    const others = cluster.urls.map((url) => stores.open({ prefix: a.prefix, cluster: [url] }))
    const heard: string[] = []
    for (const [n, { store }] of others.entries()) await store.hear((text) => heard.push(`${n} ${text}`))
    await stores.open().store.announce('to another site')
    await a.store.announce('one')
    await expect.poll(() => [...heard].sort(), POLL).toEqual(['0 one', '1 one', '2 one'])
  })

  it('R6 each node knows the scripts before any other command', async () => {
    const channels = await stores.oneToEach()
    const unknown = async () => {
      const each = await Promise.all(cluster.masters.map((node) => errorsOf(node, 'NOSCRIPT')))
      return each.reduce((sum, errors) => sum + errors)
    }
    const before = await unknown()
    for (let round = 0; round < 10; round++) {
      await Promise.all(cluster.masters.map((node) => node.command('SCRIPT', 'FLUSH')))
      const { store, texts } = stores.open()
      await Promise.all(Array.from({ length: 60 }, (_, n) => store.append(channels[n % 3]!, { json: String(n) })))
      for (const [at, channel] of channels.entries()) {
        expect(await texts(channel)).toEqual(Array.from({ length: 20 }, (_, n) => String(3 * n + at)))
      }
      await store.close()
    }
    expect(await unknown()).toBe(before)
  })

  it('knows its scripts again when a node forgot them', async () => {
    const { store, texts } = stores.open()
    const channels = await stores.oneToEach()
    for (const channel of channels) await store.append(channel, { json: '1' })
    await cluster.everywhere('SCRIPT', 'FLUSH')
    for (const channel of channels) await store.append(channel, { json: '2' })
    for (const channel of channels) expect(await texts(channel)).toEqual(['1', '2'])
  })

  it('R14 only who watches a slot of that node is told that Pub/Sub was lost, and all hear again', async () => {
    const one = stores.open()
    const channels = await stores.oneToEach()
    const heard = await Promise.all(channels.map((channel) => one.watched(channel)))
    expect(Number(await cluster.masters[1]!.command('CLIENT', 'KILL', 'TYPE', 'pubsub'))).toBeGreaterThan(0)
    await expect.poll(() => heard, POLL).toEqual([[], [null], []])
    for (const channel of channels) await one.store.append(channel, { json: '1' })
    await expect.poll(() => heard.map(jsonOf), POLL).toEqual([['1'], [undefined, '1'], ['1']])
  })

  it('announcements come again wherever Pub/Sub was lost', async () => {
    const one = stores.open()
    const heard: string[] = []
    await one.store.hear((text) => heard.push(text))
    let killed = 0
    for (const node of cluster.masters) killed += Number(await node.command('CLIENT', 'KILL', 'TYPE', 'pubsub'))
    expect(killed).toBeGreaterThan(0)
    await expect
      .poll(async () => {
        await one.store.announce('again')
        return heard.length
      }, POLL)
      .toBeGreaterThan(0)
  })

  it('S20 a node is mute: its channels are refused in time, the others go on', async () => {
    const one = stores.open({ commandMs: 500 })
    const [mute, other] = await stores.oneToEach()
    await one.store.append(mute!, { json: '1' })
    await one.store.append(other!, { json: '1' })
    cluster.masters[0]!.pause()
    stores.onEnd(() => cluster.masters[0]!.resume())
    await expect(one.store.append(mute!, { json: '2' })).rejects.toThrow('did not answer within 500 ms')
    expect(await one.store.append(other!, { json: '2' })).toMatchObject({ kind: 'appended' })
    await one.store.check()
    cluster.masters[0]!.resume()
    await expect
      .poll(() => one.store.append(mute!, { json: '3' }).catch(() => null), POLL)
      .toMatchObject({ kind: 'appended' })
  })

  it('needs no more rights than docs/deploy.md says', async () => {
    const rights = '~rights:* &rights:* +@read +@write +@connection +@pubsub +eval +evalsha +script|load +time'
    const user = `ACL SETUSER site on >pa55 resetkeys resetchannels -@all ${rights} +cluster|slots +cluster|info`
    await cluster.everywhere(...user.split(' '))
    const addresses = cluster.urls.map((url) => url.replace('//', '//site:pa55@'))
    const { store, watched, failures } = stores.open({ cluster: addresses, prefix: 'rights' })
    const told: string[] = []
    await store.hear((text) => told.push(text))
    for (const channel of await stores.oneToEach()) {
      const heard = await watched(channel)
      await store.append(channel, { json: '1', key: { userId: '', client: 'c', sequence: 1 } })
      await expect.poll(() => jsonOf(heard), POLL).toEqual(['1'])
    }
    await store.announce('x')
    await expect.poll(() => told, POLL).toEqual(['x'])
    await store.check()
    expect(failures).toEqual([])
  })

  it('S20 a node that says the cluster is down is asked again until it is up', async () => {
    const one = stores.open({ commandMs: 15_000 })
    const channel = await stores.channelAt(cluster.masters[0]!)
    await one.store.append(channel, { json: '1' })
    const before = await errorsOf(cluster.masters[0]!, 'CLUSTERDOWN')
    await cluster.masters[0]!.command('CLUSTER', 'DELSLOTS', '0')
    const appending = one.store.append(channel, { json: '2' })
    await expect.poll(() => errorsOf(cluster.masters[0]!, 'CLUSTERDOWN'), POLL).toBeGreaterThan(before)
    await cluster.masters[0]!.command('CLUSTER', 'ADDSLOTS', '0')
    await appending
    expect(await one.texts(channel)).toEqual(['1', '2'])
  })

  it('close() leaves no connection and no timer, and ends what is under way', async () => {
    let timers = 0
    const clock = {
      ...systemClock,
      after: (ms: number, task: () => void) => {
        timers++
        let over = false
        const end = (): void => {
          if (!over) timers--
          over = true
        }
        const cancel = systemClock.after(ms, () => {
          end()
          task()
        })
        return () => {
          end()
          cancel()
        }
      },
    }
    const name = 'leaves-nothing'
    const store = new RedisStore({ cluster: cluster.urls, client: { name } }, { ...nodeEnvironment, clock })
    const connections = async () =>
      (await cluster.everywhere('CLIENT', 'LIST')).map((list) => String(list).split(`name=${name} `).length - 1)
    for (const channel of await stores.oneToEach()) await store.watch(channel, () => {})
    await store.hear(() => {})
    expect(await connections()).toEqual([2, 2, 2, 0])
    const underWay = [store.watch('another', () => {}), store.append('another', { json: '1' })]
    await store.close()
    await store.close()
    for (const one of underWay) await expect(one).rejects.toThrow()
    await expect(store.append('a', { json: '1' })).rejects.toThrow('the Redis store was closed')
    await expect.poll(connections, POLL).toEqual([0, 0, 0, 0])
    const nobody = await startTcpGate(1)
    nobody.shut()
    stores.onEnd(() => nobody.close())
    const away = new RedisStore({ cluster: [`redis://127.0.0.1:${nobody.port}`] }, { ...nodeEnvironment, clock })
    const waiting = [away.append('a', { json: '1' }), away.watch('a', () => {}), away.announce('a'), away.check()]
    await new Promise((resolve) => setImmediate(resolve))
    await away.close()
    for (const one of waiting) await expect(one).rejects.toThrow('closed')
    expect(timers).toBe(0)
  })

  it('one Redis is no cluster, and a cluster is not one Redis: both say so', async () => {
    const single = await startRedisServer()
    stores.onEnd(() => single.stop())
    const wrong = stores.open({ cluster: [single.url], commandMs: 500 })
    await expect(wrong.store.append('a', { json: '1' })).rejects.toThrow(
      'the Redis Cluster could not be reached within 500 ms: ERR This instance has cluster support disabled',
    )
    const lone = stores.open({ url: cluster.urls[0] })
    const elsewhere = await stores.channelAt(cluster.masters[1]!)
    await expect(lone.store.append(elsewhere, { json: '1' })).rejects.toThrow(
      'this Redis is a node of a cluster: name its nodes with `cluster`, not with `url`',
    )
  })

  it.each([
    [[], 'cluster must be a list of 1 to 100'],
    [['redis://a', 'a:1'], 'cluster must be a list of 1 to 100'],
    [['redis://a/1'], 'a cluster has one database, 0'],
    [['redis://a', 'rediss://b'], 'the addresses of one cluster have the same scheme, user and password'],
    [['redis://u:secret@a', 'redis://b'], 'the addresses of one cluster have the same scheme'],
  ])('refuses the cluster %j', (addresses, text) => {
    const make = () => new RedisStore({ cluster: addresses }, nodeEnvironment)
    expect(make).toThrow(text)
    expect(make).not.toThrow('secret')
  })

  it('refuses a cluster beside a url', () => {
    const make = () => new RedisStore({ cluster: ['redis://a'], url: 'redis://a' }, nodeEnvironment)
    expect(make).toThrow('url and cluster exclude each other')
  })

  // The last one: the cluster is another after it.
  it('S20 R5 R6 R14 a master is lost and its replica takes over: all goes on, once and in order', async () => {
    const a = stores.open({ commandMs: 500 })
    const b = stores.open({ prefix: a.prefix })
    const [lost, other] = await stores.oneToEach()
    const [heard, others] = [await b.watched(lost!), await b.watched(other!)]
    const told: string[] = []
    await b.store.hear((text) => told.push(text))
    const load = new Load(a, lost!)
    await load.goesOn()
    const [master, replica] = [cluster.masters[0]!, cluster.replicas[0]!]
    await master.kill()
    const atLoss = load.acked
    await expect(b.store.append(lost!, { json: '"refused"' })).rejects.toThrow()
    await expect.poll(() => b.failures.join(), POLL).toContain(`the connection to Redis (127.0.0.1:${master.port}`)
    expect(await a.store.append(other!, { json: '1' })).toMatchObject({ kind: 'appended' })
    await cluster.promote(replica)
    await load.goesOn()
    await expect.poll(() => heard.includes(null), POLL).toBe(true)
    const since = heard.length
    await expect.poll(() => heard.length, POLL).toBeGreaterThan(since)
    await load.stop()
    const texts = (await b.texts(lost!)).filter((text) => text !== '"refused"')
    // Replication lags: what it lost, nobody has. The rest is there once, in order, and all of what came after.
    const kept = texts.map(Number)
    expect(kept).toEqual([...new Set(kept)].sort((x, y) => x - y))
    expect(texts).toEqual(expect.arrayContaining(count(load.acked).slice(atLoss + 1)))
    expect(a.refusals.length).toBeGreaterThan(0)
    expect(jsonOf(others)).toEqual(['1'])
    await a.store.announce('after it')
    await expect.poll(() => told, POLL).toEqual(['after it'])
    await a.store.check()
  })
})

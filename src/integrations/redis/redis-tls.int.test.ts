import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { nodeEnvironment } from '../../server/node-clock.ts'
import { startRedisCluster } from '../../testing/redis-cluster.ts'
import { describeRedis, freePort, startRedisServer } from '../../testing/redis-server.ts'
import type { RedisServer } from '../../testing/redis-server.ts'
import { makeCertificates, tlsArgs } from '../../testing/redis-tls.ts'
import type { Certificate, Certificates } from '../../testing/redis-tls.ts'
import { SUITE_AGE_MS, SUITE_MESSAGES } from '../../testing/store-fixture.ts'
import type { RedisStoreOptions } from './options.ts'
import { RedisStore } from './redis-store.ts'

const ALL = { messages: 1000, bytes: 1_000_000 }
const POLL = { timeout: 20_000, interval: 10 }
/** Long enough for a handshake on a machine that is busy: what is refused is refused many times in it. */
const COMMAND_MS = 3000

let certificates: Certificates
beforeAll(async () => {
  certificates = await makeCertificates()
})
afterAll(() => certificates.remove())

const undo: (() => unknown)[] = []
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step()
})

let tests = 0
const open = (options: RedisStoreOptions) => {
  const failures: string[] = []
  const store = new RedisStore(
    {
      prefix: `t${++tests}`,
      commandMs: COMMAND_MS,
      messages: SUITE_MESSAGES,
      ageMs: SUITE_AGE_MS,
      onError: ({ context, error }) => failures.push(`${context}: ${String(error)}`),
      ...options,
    },
    nodeEnvironment,
  )
  undo.push(() => store.close())
  const append = async () => (await store.append('a', { json: '1' })).kind
  return { store, failures, append }
}
const start = async (args: readonly string[]): Promise<RedisServer> => {
  const server = await startRedisServer(['--save', '', ...args])
  undo.push(() => server.stop())
  return server
}
const startTls = async (server: Certificate, clients: 'yes' | 'no') => {
  const port = await freePort()
  await start(tlsArgs(port, certificates, server, clients))
  return `rediss://127.0.0.1:${port}`
}
const hears = async (store: RedisStore) => {
  const heard: unknown[] = []
  await store.watch('a', (notice) => heard.push(notice?.message.json))
  await store.append('a', { json: '"heard"' })
  await expect.poll(() => heard, POLL).toEqual(['"heard"'])
}

describeRedis('RedisStore over TLS', () => {
  it('appends and hears, with the CA that signed', async () => {
    const url = await startTls(certificates.server, 'no')
    const { store, failures } = open({ url, client: { socket: { tls: true, ca: certificates.ca.cert } } })
    await hears(store)
    await store.check()
    expect(failures).toEqual([])
  })

  it('without the right CA nothing is sent, and what to do is said', async () => {
    const url = (await startTls(certificates.server, 'no')).replace('//', '//user:pa55word@')
    const wrong = async (socket: { readonly ca?: string }) => {
      const { append, failures } = open({ url, client: { socket: { tls: true, ...socket } } })
      await expect(append()).rejects.toThrow(
        `Redis could not be reached within ${COMMAND_MS} ms: self-signed certificate in certificate chain: give the CA that signed the certificate of Redis`,
      )
      expect(failures.filter((text) => text.includes('self-signed certificate'))).toHaveLength(2)
      expect(failures.join()).not.toContain('pa55')
    }
    await Promise.all([wrong({}), wrong({ ca: certificates.otherCa.cert })])
  })

  it('a certificate for another host is refused', async () => {
    const url = await startTls(certificates.elsewhere, 'no')
    const { append } = open({ url, client: { socket: { tls: true, ca: certificates.ca.cert } } })
    await expect(append()).rejects.toThrow("Hostname/IP does not match certificate's altnames")
  })

  it('shows its certificate where Redis wants one, and without it is told so', async () => {
    const url = await startTls(certificates.server, 'yes')
    const { cert, key } = certificates.client
    const ca = certificates.ca.cert
    await hears(open({ url, client: { socket: { tls: true, ca, cert, key } } }).store)
    const { append } = open({ url, client: { socket: { tls: true, ca } } })
    await expect(append()).rejects.toThrow('Redis wants a certificate of its clients that its CA has signed')
  })

  it('a cluster has TLS to each node', async () => {
    const cluster = await startRedisCluster(0, certificates)
    undo.push(() => cluster.stop())
    const client = { name: 'over-tls', socket: { tls: true, ca: certificates.ca.cert } } as const
    const { store, failures } = open({ cluster: [cluster.urls[0]!], client })
    for (const channel of ['a', 'b', 'c', 'd', 'e', 'f']) {
      expect(await store.append(channel, { json: '1' })).toMatchObject({ kind: 'appended' })
    }
    await hears(store)
    const lists = await Promise.all(cluster.masters.map((node) => node.command('CLIENT', 'LIST')))
    for (const [n, { clientPort }] of cluster.masters.entries()) {
      expect(String(lists[n])).toMatch(new RegExp(`laddr=127.0.0.1:${clientPort} .*name=over-tls`))
    }
    expect(failures).toEqual([])
    const wrong = open({ cluster: cluster.urls, client: { socket: { tls: true, ca: certificates.otherCa.cert } } })
    await expect(wrong.append()).rejects.toThrow(
      /^the Redis Cluster could not be reached within .*: give the CA that signed the certificate of Redis$/,
    )
  })

  it('the scheme says whether it is TLS', () => {
    const make = () => open({ url: 'redis://user:pa55word@a', client: { socket: { tls: true } } })
    expect(make).toThrow('client.socket.tls does not fit the address')
    expect(make).not.toThrow('pa55')
  })
})

/** What docs/deploy.md says that a user needs. */
const RIGHTS = '~holdfast:* &holdfast:* +@read +@write +@connection +@pubsub +eval +evalsha +script|load +time'.split(
  ' ',
)

describeRedis('RedisStore and the users of its Redis', () => {
  let server: RedisServer
  beforeAll(async () => {
    server = await startRedisServer()
    await server.command('ACL', 'SETUSER', 'site', 'on', '>pa55 w%rd', 'resetkeys', 'resetchannels', '-@all', ...RIGHTS)
    await server.command('ACL', 'SETUSER', 'reader', 'on', '>pa55', '~*', '&*', '+@all', '-evalsha', '-eval')
    await server.command('ACL', 'SETUSER', 'deaf', 'on', '>pa55', '~*', 'resetchannels', '+@all')
    await server.command('CONFIG', 'SET', 'requirepass', 'pa55word')
  })
  afterAll(() => server.stop())
  const as = (access: string, options: RedisStoreOptions = {}) =>
    open({ url: server.url.replace('//', `//${access}@`), prefix: 'holdfast', ...options })

  it('all works with the rights of docs/deploy.md, and not elsewhere', async () => {
    const { store, failures } = as('site:pa55%20w%25rd')
    await store.append('a', { json: '1', key: { userId: '', client: 'c', sequence: 1 } })
    await store.append('a', { json: '2', key: { userId: '', key: 'k' } })
    expect((await store.read('a', 'earliest', ALL)).messages).toHaveLength(2)
    await hears(store)
    const told: string[] = []
    await store.hear((text) => told.push(text))
    await store.announce('x')
    await expect.poll(() => told, POLL).toEqual(['x'])
    await store.check()
    expect(failures).toEqual([])
    const elsewhere = as('site:pa55%20w%25rd', { prefix: 'other' })
    await expect(elsewhere.append()).rejects.toThrow('NOPERM')
  })

  it('who may not in is told with what to do, once a connection, and without the password', async () => {
    const refused = async (access: string) => {
      const { append, store, failures } = as(access)
      const [refusal, checked] = await Promise.all([append().then(String, String), store.check().then(String, String)])
      expect(refusal).toContain(`Redis could not be reached within ${COMMAND_MS} ms: WRONGPASS`)
      expect(refusal).toContain('check the user and the password of the address')
      expect(checked).toContain('WRONGPASS')
      expect(failures).toHaveLength(2)
      for (const text of [...failures, refusal, checked]) expect(text).not.toContain('wr0ng')
    }
    await Promise.all(['site:wr0ng', 'nobody:wr0ng', ':wr0ng'].map(refused))
  })

  it('no password where one is needed is told', async () => {
    const { append, store, failures } = open({ url: server.url })
    for (let n = 0; n < 20; n++) await expect(append()).rejects.toThrow('NOAUTH Authentication required')
    await expect(store.watch('a', () => {})).rejects.toThrow('NOAUTH')
    // Redis ends each such connection, and each is the same trouble.
    expect(failures.filter((text) => text.includes('NOAUTH'))).toHaveLength(1)
    expect(new Set(failures).size).toBe(failures.length)
  })

  it('a right that is missing is told, and what can be done is done', async () => {
    await expect(as('reader:pa55').append()).rejects.toThrow("NOPERM this user has no permissions to run the 'evalsha'")
    const deaf = as('deaf:pa55')
    await expect(deaf.store.watch('a', () => {})).rejects.toThrow('NOPERM')
    expect((await deaf.store.read('a', 'latest', ALL)).messages).toEqual([])
  })

  it.each(['redis://a:%@b', 'redis://a/x', 'redis://a/0/1'])('refuses %s, without showing it', (url) => {
    expect(() => open({ url })).toThrow('url must be a redis:// or rediss:// address')
  })
})

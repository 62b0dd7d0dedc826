import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import * as redis from '../integrations/redis.ts'
import { Program, publish, read } from '../testing/program.ts'
import { startRedisCluster } from '../testing/redis-cluster.ts'
import type { RedisCluster } from '../testing/redis-cluster.ts'
import { describeRedis, freePort, startRedisServer } from '../testing/redis-server.ts'
import type { RedisServer } from '../testing/redis-server.ts'
import { makeCertificates, tlsArgs } from '../testing/redis-tls.ts'
import type { Certificate, Certificates } from '../testing/redis-tls.ts'
import type { Variables } from './effective.ts'

const running: Program[] = []
afterEach(async () => {
  for (const program of running.splice(0)) await program.kill()
})
const start = (args: readonly string[], env: Variables = {}): Program => {
  const program = new Program(['--dev', '--port', '0', ...args], env, async () => redis)
  running.push(program)
  return program
}

describeRedis('holdfast serve on Redis with TLS', () => {
  let certificates: Certificates
  let server: RedisServer
  let url: string
  beforeAll(async () => {
    certificates = await makeCertificates()
    const port = await freePort()
    server = await startRedisServer(['--save', '', ...tlsArgs(port, certificates, certificates.server, 'yes')])
    url = `rediss://user:pa55word@127.0.0.1:${port}`
    await server.command('ACL', 'SETUSER', 'user', 'on', '>pa55word', '~*', '&*', '+@all')
  })
  afterAll(async () => {
    await server.stop()
    certificates.remove()
  })
  const withTls = (env: Variables, ca: Certificate, ...args: string[]) =>
    start(['--redis-tls-ca', ca.certFile, ...args], { HOLDFAST_REDIS_URL: url, ...env })
  const shown = () => ['--redis-tls-cert', certificates.client.certFile, '--redis-tls-key', certificates.client.keyFile]

  it('serves with the CA, the certificate and the password of its settings', async () => {
    const program = withTls({}, certificates.ca, ...shown())
    expect((await publish(await program.url(), 'a')).status).toBe(200)
    await server.command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
    expect(await program.said('serve.redis')).toMatchObject({ level: 'warn', context: expect.any(String) as unknown })
    expect(program.out).not.toContain('pa55')
  })

  it('what is wrong is one line, without the password, and 1', async () => {
    const wrong = [
      [withTls({}, certificates.otherCa, ...shown()), 'give the CA that signed the certificate of Redis'],
      [withTls({}, certificates.ca), 'Redis wants a certificate of its clients'],
      [withTls({ HOLDFAST_REDIS_URL: url.replace('pa55', 'wr0ng') }, certificates.ca, ...shown()), 'WRONGPASS'],
      [withTls({}, { ...certificates.ca, certFile: '/nowhere' }), 'redisTlsCa names "/nowhere": there is no such file'],
      [withTls({}, { ...certificates.ca, certFile: certificates.ca.keyFile }), 'Redis at rediss://127.0.0.1'],
    ] as const
    for (const [program, message] of wrong) {
      expect(await program.code).toBe(1)
      expect(program.err).toMatch(/^holdfast: [^\n]*\n$/)
      expect(program.err).toContain(message)
      expect(program.err + program.out).not.toMatch(/pa55|wr0ng/)
    }
  })
})

describeRedis('holdfast serve on a Redis Cluster', () => {
  let cluster: RedisCluster
  beforeAll(async () => {
    cluster = await startRedisCluster(0)
  })
  afterAll(() => cluster.stop())

  it('R14 R25 several on one cluster are one site', async () => {
    const nodes = cluster.urls.join(',')
    const [a, b] = [start(['--redis-cluster', nodes]), start(['--redis-cluster', cluster.urls[1]!])]
    const [urlA, urlB] = [await a.url(), await b.url()]
    for (const channel of ['a', 'b', 'c', 'd']) {
      expect((await publish(urlA, channel)).status).toBe(200)
      const frames = await read(urlB, channel)
      expect(frames).toContainEqual(
        expect.objectContaining({ messages: [expect.objectContaining({ data: { n: 1 } })] }),
      )
    }
    expect((await fetch(`${urlA}/health`)).status).toBe(200)
    expect(await a.stop()).toBe(0)
  })

  it('a node of a cluster as the one Redis is one line, and 1', async () => {
    const messages: string[] = []
    for (const url of cluster.urls) {
      const program = start(['--redis-url', url])
      const outcome = await Promise.race([program.code, program.url()])
      if (outcome === 1) messages.push(program.err)
    }
    // One of the three has the slot that is looked at first.
    expect(messages).toHaveLength(2)
    for (const message of messages) {
      expect(message).toMatch(
        /^holdfast: Redis at redis:\/\/127\.0\.0\.1:\d+ cannot be used: "this Redis is a node of a cluster.*\n$/,
      )
    }
  })
})

import { describe, expect, it } from 'vitest'
import { peerAddress, proxiesOf } from './peer-address.ts'

const of = (remoteAddress: string | undefined, forwarded?: string, trustProxy = 0): string | undefined =>
  peerAddress({ remoteAddress, header: (name) => (name === 'x-forwarded-for' ? forwarded : undefined) }, trustProxy)

describe('S7 the address of a peer', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::ffff:c000:201', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:DB8:1:2::9', '2001:db8:1:2::/64'],
    ['2001:db8::1:2:3:4:5', '2001:db8:0:1::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['64:ff9b::192.0.2.1', '64:ff9b:0:0::/64'],
    [undefined, undefined],
    ['', undefined],
  ])('%s counts as %s', (address, expected) => {
    expect(of(address)).toBe(expected)
  })

  it.each([
    ['without trust nothing is believed', '203.0.113.9', 0, '10.0.0.1'],
    ['one proxy: the last entry', '203.0.113.9, 198.51.100.7', 1, '198.51.100.7'],
    ['two proxies: the last but one', '203.0.113.9,198.51.100.7 , 10.0.0.2', 2, '198.51.100.7'],
    ['fewer entries than proxies: the first of them', '198.51.100.7', 3, '198.51.100.7'],
    ['no header: the peer itself', undefined, 2, '10.0.0.1'],
    ['with a port', '198.51.100.7:1234', 1, '198.51.100.7'],
    ['IPv6 in brackets, with a port', '[2001:db8::1]:443', 1, '2001:db8:0:0::/64'],
    ['no address: who is behind it', 'unknown', 1, '10.0.0.1'],
    ['no address further left: who is behind it', 'x, 198.51.100.7', 2, '198.51.100.7'],
    ['an empty entry', '198.51.100.7,', 1, '10.0.0.1'],
    ['an entry of 100 KB', `${' '.repeat(100_000)}198.51.100.7`, 1, '10.0.0.1'],
    ['100,000 entries', '203.0.113.9,'.repeat(100_000) + '198.51.100.7', 1, '198.51.100.7'],
    ['NUL and a line break', '198.51.100.7\u0000\r\n', 1, '10.0.0.1'],
  ])('X-Forwarded-For, %s', (_title, forwarded, trustProxy, expected) => {
    expect(of('10.0.0.1', forwarded, trustProxy)).toBe(expected)
  })

  it('behind a socket that tells no address the header does', () => {
    expect(of(undefined, '198.51.100.7', 1)).toBe('198.51.100.7')
  })

  it.each([-1, 1.5, NaN, 17, Infinity, true as never, '1' as never])(
    'trustProxy %s is an error at the start',
    (value) => {
      expect(() => proxiesOf(value)).toThrow(TypeError)
    },
  )
})

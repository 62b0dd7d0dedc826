import { describe, expect, it } from 'vitest'
import { ConfigError, readEnvironment } from './config.ts'

describe('readEnvironment', () => {
  it('takes nothing from an empty environment', () => {
    const none = { port: undefined, host: undefined, publicUrl: undefined }
    expect(readEnvironment({})).toEqual(none)
    expect(readEnvironment({ PORT: '', HOST: '', PUBLIC_URL: '' })).toEqual(none)
  })

  it('takes port, host and public URL', () => {
    expect(readEnvironment({ PORT: '0', HOST: '0.0.0.0', PUBLIC_URL: 'https://demo.example/' })).toEqual({
      port: 0,
      host: '0.0.0.0',
      publicUrl: 'https://demo.example',
    })
  })

  it('takes localhost as both loopback addresses', () => {
    expect(readEnvironment({ HOST: 'localhost' }).host).toBeUndefined()
    expect(readEnvironment({ HOST: '::1' }).host).toBe('::1')
  })

  it.each(['http', '-1', '65536', '80.5', '0x50', ' 80', '1e3'])('refuses the port %j and names PORT', (PORT) => {
    expect(() => readEnvironment({ PORT })).toThrow(ConfigError)
    expect(() => readEnvironment({ PORT })).toThrow(/^PORT is .*; expected a number from 1 to 65535/)
  })

  it.each(['http://localhost', 'localhost:8080', 'a b', '/'])('refuses the host %j and names HOST', (HOST) => {
    expect(() => readEnvironment({ HOST })).toThrow(/^HOST is .*; expected an address/)
  })

  it.each([
    'demo.example',
    'ftp://demo.example',
    'https://demo.example/app',
    'https://a:b@demo.example',
    'https://x/?y',
  ])('refuses the public URL %j and names PUBLIC_URL', (PUBLIC_URL) => {
    expect(() => readEnvironment({ PUBLIC_URL })).toThrow(/^PUBLIC_URL is .*; expected scheme and host/)
  })
})

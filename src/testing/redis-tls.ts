import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generate } from 'selfsigned'

/** A key and its certificate: PEM, and the files that they lie in. */
export interface Certificate {
  readonly cert: string
  readonly key: string
  readonly certFile: string
  readonly keyFile: string
}

/** An authority, what it signed for a server at 127.0.0.1 and for one elsewhere, and for a client; and an authority that signed nothing. */
export interface Certificates {
  readonly ca: Certificate
  readonly otherCa: Certificate
  readonly server: Certificate
  readonly elsewhere: Certificate
  readonly client: Certificate
  remove(): void
}

type Names = readonly ({ readonly type: 2; readonly value: string } | { readonly type: 7; readonly ip: string })[]

export const makeCertificates = async (): Promise<Certificates> => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-redis-tls-'))
  const written = (name: string, { cert, private: key }: { cert: string; private: string }): Certificate => {
    const [certFile, keyFile] = [join(folder, `${name}.pem`), join(folder, `${name}.key`)]
    writeFileSync(certFile, cert)
    writeFileSync(keyFile, key)
    return { cert, key, certFile, keyFile }
  }
  const authority = async (name: string): Promise<Certificate> => {
    const extensions = [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ] as const
    const options = { algorithm: 'sha256', extensions: [...extensions] }
    return written(name, await generate([{ name: 'commonName', value: name }], options))
  }
  const ca = await authority('authority')
  const signed = async (name: string, altNames: Names): Promise<Certificate> => {
    const options = {
      algorithm: 'sha256',
      ca: { key: ca.key, cert: ca.cert },
      extensions: altNames.length > 0 ? [{ name: 'subjectAltName' as const, altNames: [...altNames] }] : [],
    }
    return written(name, await generate([{ name: 'commonName', value: name }], options))
  }
  return {
    ca,
    otherCa: await authority('other'),
    server: await signed('server', [{ type: 7, ip: '127.0.0.1' }]),
    elsewhere: await signed('elsewhere', [{ type: 2, value: 'redis.example' }]),
    client: await signed('client', []),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}

/** Settings of a `redis-server` that takes TLS at a port beside its own. `clients`: whether they must show a certificate of the authority. */
export const tlsArgs = (port: number, { ca }: Certificates, server: Certificate, clients: 'yes' | 'no'): string[] => [
  ...['--tls-port', String(port), '--tls-auth-clients', clients],
  ...['--tls-cert-file', server.certFile, '--tls-key-file', server.keyFile, '--tls-ca-cert-file', ca.certFile],
]

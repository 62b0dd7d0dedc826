import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** deploy/nginx.conf as it is, but on these ports of loopback and with these hubs behind it. */
export const deploySite = (ports: readonly number[], hubs: readonly number[]): string => {
  const text = readFileSync(fileURLToPath(new URL('../deploy/nginx.conf', import.meta.url)), 'utf8')
  return text
    .replace(/server 127\.0\.0\.1:8080(.*;)/, (_, more: string) =>
      hubs.map((hub) => `server 127.0.0.1:${hub}${more}`).join('\n  '),
    )
    .replace('listen 80;', ports.map((port) => `listen 127.0.0.1:${port};`).join('\n  '))
}

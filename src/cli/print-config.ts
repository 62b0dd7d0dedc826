import { NAMES, settingOf } from './settings.ts'
import type { Name } from './settings.ts'
import type { Settings } from './effective.ts'

/** What a secret looks like when it is shown. */
const MASK = '***'

const shown = (name: Name, value: unknown): unknown => {
  if (value === undefined) return null
  if (!settingOf(name).secret) return value
  if (name === 'publishKeys' && Array.isArray(value)) {
    return value.map(({ name: who, channels }: { name: string; channels?: unknown }) => ({
      name: who,
      key: MASK,
      channels,
    }))
  }
  if (name === 'redisCluster' && Array.isArray(value)) return (value as readonly string[]).map(withoutPassword)
  return name === 'redisUrl' && typeof value === 'string' ? withoutPassword(value) : MASK
}

/** A URL that can be shown: where it points, without who asks. */
export const withoutPassword = (url: string): string => {
  const { protocol, host, pathname } = new URL(url)
  return `${protocol}//${host}${pathname}`
}

/** What holds and where it came from, as JSON. */
export const printedConfig = ({ config, sources, hooks }: Settings): string => {
  const settings = Object.fromEntries(
    NAMES.map((name) => [name, { value: shown(name, config[name]), from: sources[name] }]),
  )
  const functions = Object.entries(hooks).flatMap(([name, hook]) => (hook ? [name] : []))
  return `${JSON.stringify({ ...settings, hooks: { value: functions, from: sources.config } }, null, 2)}\n`
}

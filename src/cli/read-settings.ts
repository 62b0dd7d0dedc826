import { kindOf } from '../protocol/text.ts'
import { checkTogether } from './check-together.ts'
import { ConfigError } from './config-error.ts'
import { fromFileFolder, readConfigFile, readJsonFile, readTextFile } from './config-file.ts'
import type { ConfigFile } from './config-file.ts'
import type { Settings, Variables } from './effective.ts'
import { nearest } from './did-you-mean.ts'
import type { Flags } from './flags.ts'
import { Unusable, file as fileKind } from './kinds.ts'
import { NAMES, SETTINGS, flagOf, settingOf, variableOf } from './settings.ts'
import type { Config, Name } from './settings.ts'

/** Settings whose value may stand in a file of its own, which another setting names. */
const IN_FILES = [
  ['jwtSecretFile', 'jwtSecret'],
  ['jwtPublicKeyFile', 'jwtPublicKey'],
  ['redisUrlFile', 'redisUrl'],
  ['redisClusterFile', 'redisCluster'],
  ['publishKeysFile', 'publishKeys'],
] as const

/** Flags, then variables, then the file, then defaults. @throws ConfigError with everything that is wrong */
export const readSettings = async (flags: Flags, env: Variables): Promise<Settings> => {
  const reader = new Reader(flags, env)
  const given = reader.text('config')
  let configFile: ConfigFile | undefined
  try {
    if (given) configFile = await readConfigFile(given.value, given.source)
  } catch (error) {
    reader.caught(error)
  }
  for (const name of NAMES) reader.take(name, configFile)
  for (const [from, to] of IN_FILES) reader.takeFile(from, to)
  const settings = reader.settings(configFile)
  const problems = [...reader.problems, ...(configFile?.problems ?? [])]
  if (problems.length === 0) problems.push(...checkTogether(settings))
  if (problems.length > 0) throw new ConfigError(problems)
  return settings
}

class Reader {
  readonly problems: string[]
  readonly #flags: Flags
  readonly #env: Variables
  readonly #values = new Map<Name, unknown>()
  readonly #sources = new Map<Name, string>()
  readonly #warnings: string[] = []

  constructor(flags: Flags, env: Variables) {
    this.#flags = flags
    this.#env = env
    this.problems = [...flags.problems]
    this.#lookAtVariables()
  }

  /** The text of a setting from a flag or variable; unset and empty variables are the same. */
  text(name: Name): { readonly value: string; readonly source: string } | undefined {
    const flag = this.#flags.values.get(name)
    if (flag !== undefined) return { value: flag, source: `flag --${flagOf(name)}` }
    const variable = settingOf(name).sources.includes('env') ? this.#env[variableOf(name)] : undefined
    return variable ? { value: variable, source: variableOf(name) } : undefined
  }

  take(name: Name, configFile: ConfigFile | undefined): void {
    const given = this.text(name)
    const inFile = configFile?.values.get(name) ?? undefined
    if (configFile && inFile !== undefined && !settingOf(name).sources.includes('file')) {
      this.problems.push(`${configFile.path}: ${name} cannot stand in a file`)
    } else if (given) {
      this.#takeText(name, given)
    } else if (configFile && inFile !== undefined) {
      const { kind } = settingOf(name)
      const meant = kind === fileKind ? fromFileFolder(configFile.path, inFile) : inFile
      this.#set(name, configFile.path, inFile, () => kind.fromFile(meant))
    }
  }

  #takeText(name: Name, { value, source }: { readonly value: string; readonly source: string }): void {
    const { kind, secret } = settingOf(name)
    const isFlag = source.startsWith('flag')
    // A flag without its value was named already.
    if (isFlag && value === '') return
    if (isFlag && secret && !arePlainUrls(value)) {
      const flag = `--${flagOf(name)}`
      this.#warnings.push(
        `others on this machine can read the secret in ${flag}: use ${variableOf(name)}, or a file (${flag}-file)`,
      )
    }
    this.#set(name, source, value, () => kind.fromText(value))
  }

  takeFile(from: Name, to: Name): void {
    const path = this.#values.get(from)
    if (typeof path !== 'string') return
    const source = this.#sources.get(from) ?? from
    const before = this.#sources.get(to)
    if (before !== undefined) {
      this.problems.push(`${to} (${before}) and ${from} (${source}) are both set; one of them is enough`)
      return
    }
    const { kind } = settingOf(to)
    const named = `${from} (${source})`
    try {
      if (to === 'publishKeys') {
        const read = readJsonFile(path, named)
        this.#set(to, path, read, () => kind.fromFile(read))
      } else {
        const read = readTextFile(path, named).trim()
        this.#set(to, path, read, () => kind.fromText(read))
      }
    } catch (error) {
      this.caught(error)
    }
  }

  caught(error: unknown): void {
    if (!(error instanceof ConfigError)) throw error
    this.problems.push(...error.problems)
  }

  settings(configFile: ConfigFile | undefined): Settings {
    const config = Object.fromEntries(
      NAMES.map((name) => [name, this.#values.has(name) ? this.#values.get(name) : SETTINGS[name].byDefault]),
    ) as unknown as Config
    const sources = Object.fromEntries(NAMES.map((name) => [name, this.#sources.get(name) ?? 'default'])) as Record<
      Name,
      string
    >
    return { config, sources, hooks: configFile?.hooks ?? {}, warnings: this.#warnings }
  }

  #set(name: Name, source: string, shown: unknown, read: () => unknown): void {
    try {
      this.#values.set(name, read())
      this.#sources.set(name, source)
    } catch (error) {
      if (!(error instanceof Unusable)) throw error
      const what = settingOf(name).secret ? '' : ` is ${kindOf(shown)}; it`
      const isFile = !source.startsWith('flag') && source !== variableOf(name)
      this.problems.push(`${source}${isFile ? `: ${name}` : ''}${what} ${error.message}${this.#hint(source, shown)}`)
    }
  }

  #hint(source: string, shown: unknown): string {
    const isKubernetes = source === 'HOLDFAST_PORT' && typeof shown === 'string' && shown.startsWith('tcp:')
    return isKubernetes ? '. Kubernetes sets this for a Service called holdfast: set enableServiceLinks to false' : ''
  }

  /** Others may have variables of this beginning; only what looks like a slip is worth a word. */
  #lookAtVariables(): void {
    const known = NAMES.filter((name) => settingOf(name).sources.includes('env')).map(variableOf)
    for (const [variable, value] of Object.entries(this.#env)) {
      if (!variable.startsWith('HOLDFAST_') || !value || known.includes(variable)) continue
      const meant = nearest(
        variable.slice(9),
        known.map((one) => one.slice(9)),
      )
      if (meant) this.#warnings.push(`${variable} is not a setting. Did you mean HOLDFAST_${meant}?`)
    }
  }
}

/** URLs without credentials can be seen by anybody. */
const arePlainUrls = (value: string): boolean =>
  value.split(',').every((part) => URL.canParse(part.trim()) && /^\s*rediss?:\/\/[^@]*$/.test(part))

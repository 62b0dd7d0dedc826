import { readFileSync, statSync } from 'node:fs'
import { dirname, extname, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { quoted } from './quoted.ts'
import type { Authorize } from '../server/authorize.ts'
import type { Authenticate } from '../server/hub-core.ts'
import { ConfigError } from './config-error.ts'
import { didYouMean } from './did-you-mean.ts'
import { NAMES } from './settings.ts'
import type { Name } from './settings.ts'

const MOST_BYTES = 1_048_576

/** Functions that a module file may export. */
export interface Hooks {
  readonly authenticate?: Authenticate | undefined
  readonly authorize?: Authorize | undefined
}

export interface ConfigFile {
  readonly path: string
  readonly values: ReadonlyMap<Name, unknown>
  readonly hooks: Hooks
  readonly problems: readonly string[]
}

/** Text of a file that a setting names. @throws ConfigError */
export const readTextFile = (path: string, source: string): string => {
  try {
    if (statSync(path).size > MOST_BYTES) throw new Error(`it has more than ${MOST_BYTES} bytes`)
    return readFileSync(path, 'utf8')
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    const reasons: Record<string, string> = {
      ENOENT: 'there is no such file',
      EACCES: 'it may not be read',
      EISDIR: 'it is a folder',
    }
    const why = reasons[code] ?? (error instanceof Error ? error.message : 'it cannot be read')
    throw new ConfigError([`${source} names ${quoted(path)}: ${why}`])
  }
}

/** A file as JSON. @throws ConfigError */
export const readJsonFile = (path: string, source: string): unknown => {
  const text = readTextFile(path, source)
  try {
    return JSON.parse(text)
  } catch {
    // What the parser says quotes the text, and there may be secrets in it.
    throw new ConfigError([`${source} names ${quoted(path)}: it is not JSON`])
  }
}

/** Reads the file of `--config`. @throws ConfigError */
export const readConfigFile = async (given: string, source: string): Promise<ConfigFile> => {
  const path = resolve(given)
  const isModule = ['.mjs', '.js'].includes(extname(path))
  const module = isModule ? await importModule(path, source) : { default: readJsonFile(path, source) }
  const { default: values = {}, authenticate, authorize } = module
  if (typeof values !== 'object' || values === null || Array.isArray(values)) {
    throw new ConfigError([
      `${source} names ${quoted(path)}: it must ${isModule ? 'export' : 'be'} an object of settings`,
    ])
  }
  const problems: string[] = []
  for (const [name, hook] of Object.entries({ authenticate, authorize })) {
    if (hook !== undefined && typeof hook !== 'function') problems.push(`${path}: ${name} must be a function`)
  }
  const found = new Map<Name, unknown>()
  for (const [name, value] of Object.entries(values)) {
    if (name === '$schema') continue
    if ((NAMES as readonly string[]).includes(name)) found.set(name as Name, value)
    else problems.push(`${path}: ${quoted(name.slice(0, 64))} is not a setting.${didYouMean(name, NAMES)}`)
  }
  const hooks = {
    authenticate: authenticate as Authenticate | undefined,
    authorize: authorize as Authorize | undefined,
  }
  return { path, values: found, hooks, problems }
}

/** A path that stands in a config file is meant from where that file is. */
export const fromFileFolder = (file: string, path: unknown): unknown =>
  typeof path === 'string' ? resolve(dirname(file), path) : path

const importModule = async (path: string, source: string): Promise<Readonly<Record<string, unknown>>> => {
  readTextFile(path, source)
  try {
    return (await import(pathToFileURL(path).href)) as Readonly<Record<string, unknown>>
  } catch (error) {
    const why = error instanceof Error ? `${error.name}: ${error.message}` : 'it threw'
    throw new ConfigError([`${source} names ${quoted(path)}: it cannot be loaded (${quoted(why.slice(0, 300))})`])
  }
}

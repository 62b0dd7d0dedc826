import { StartError } from './config-error.ts'
import { quoted } from './quoted.ts'

/** A subpath of this package that needs a package of its own beside it, or what stands for it in tests. */
export type Subpath = 'jwt' | 'metrics' | 'redis' | 'server'
export type LoadPackage = (subpath: Subpath) => Promise<unknown>

/** Loads a subpath when a setting needs it, so that nobody has to install what is not used. */
export const loadPackage: LoadPackage = (subpath) => {
  const name = `holdfast/${subpath}`
  return import(/* @vite-ignore */ name) as Promise<unknown>
}

/**
 * A function that a subpath exports. What it takes and returns is the caller's to know.
 * @throws StartError that names what to install
 */
export const exported = async (
  load: LoadPackage,
  subpath: Subpath,
  name: string,
  setting: string,
): Promise<(options: unknown) => unknown> => {
  let module: unknown
  try {
    module = await load(subpath)
  } catch (error) {
    const missing = /Cannot find package '([^']+)'/.exec(error instanceof Error ? error.message : '')?.[1]
    if (missing !== undefined && missing !== 'holdfast') {
      throw new StartError(`${setting} needs the package ${missing}: npm install ${missing}`)
    }
    throw new StartError(`${setting} needs holdfast/${subpath}, which cannot be loaded here`)
  }
  const made = (module as Readonly<Record<string, unknown>>)[name]
  if (typeof made === 'function') return made as (options: unknown) => unknown
  throw new StartError(`${setting} needs ${name} of holdfast/${subpath}, which this version does not have`)
}

/** Calls what was made of settings; what it throws is told in one line. */
export const called = (make: (options: unknown) => unknown, options: unknown, settings: string): unknown => {
  try {
    return make(options)
  } catch (error) {
    const why = error instanceof Error ? error.message.replace(/^holdfast: /, '') : 'it failed'
    throw new StartError(`${settings} cannot be used: ${quoted(why)}`)
  }
}

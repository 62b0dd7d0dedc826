import type { Hooks } from './config-file.ts'
import type { Config, Name } from './settings.ts'

/** The environment of a process. */
export type Variables = Readonly<Record<string, string | undefined>>

/** What holds, and where each value came from. */
export interface Settings {
  readonly config: Config
  readonly hooks: Hooks
  /** In words: `flag --port`, `HOLDFAST_PORT`, `/etc/holdfast.json`, `default`. */
  readonly sources: Readonly<Record<Name, string>>
  readonly warnings: readonly string[]
}

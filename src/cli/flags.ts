import { parseArgs } from 'node:util'
import { quoted } from './quoted.ts'
import { didYouMean } from './did-you-mean.ts'
import { yesOrNo } from './kinds.ts'
import { NAMES, flagOf, settingOf } from './settings.ts'
import type { Name } from './settings.ts'

/** Flags that are no settings. */
const ACTIONS = {
  help: 'says what there is',
  version: 'says which version this is',
  'print-config': 'says what holds and where it came from, and ends',
}
export type Action = keyof typeof ACTIONS
export { ACTIONS }

export interface Flags {
  readonly values: ReadonlyMap<Name, string>
  readonly actions: ReadonlySet<Action>
  readonly problems: readonly string[]
}

const byFlag = new Map(
  NAMES.filter((name) => settingOf(name).sources.includes('flag')).map((name) => [flagOf(name), name]),
)
const isSwitch = (name: Name): boolean => settingOf(name).kind === yesOrNo
const known = [...byFlag.keys(), ...Object.keys(ACTIONS)]

const options = {
  ...Object.fromEntries(
    [...byFlag].map(([flag, name]) => [flag, { type: isSwitch(name) ? 'boolean' : 'string' } as const]),
  ),
  ...Object.fromEntries(Object.keys(ACTIONS).map((flag) => [flag, { type: 'boolean' } as const])),
  h: { type: 'boolean' } as const,
}

/** The flags of a command line. Values are not looked at yet. */
export const readFlags = (args: readonly string[]): Flags => {
  const { tokens } = parseArgs({ args: [...args], options, strict: false, allowPositionals: true, tokens: true })
  const values = new Map<Name, string>()
  const actions = new Set<Action>()
  const problems: string[] = []
  // What follows an unknown flag is probably its value, and no mistake of its own.
  let afterUnknown = false
  for (const token of tokens) {
    if (token.kind === 'positional' && !afterUnknown) {
      problems.push(`${quoted(token.value.slice(0, 64))} is no flag: flags begin with --`)
    }
    afterUnknown = false
    if (token.kind !== 'option') continue
    const { name: flag, value } = token
    const name = byFlag.get(flag)
    if (flag === 'h') actions.add('help')
    else if (Object.hasOwn(ACTIONS, flag)) actions.add(flag as Action)
    else if (!name) {
      problems.push(unknownFlag(flag))
      afterUnknown = true
    } else if (values.has(name)) problems.push(`--${flag} stands there twice`)
    else if (value === undefined && isSwitch(name)) values.set(name, 'true')
    else if (!value || (!token.inlineValue && value.startsWith('--'))) {
      problems.push(`--${flag} needs a value: --${flag} <${settingOf(name).kind.word}>`)
      values.set(name, '')
    } else values.set(name, value)
  }
  return { values, actions, problems }
}

const unknownFlag = (flag: string): string => {
  const name = NAMES.find((one) => flagOf(one) === flag)
  if (name) return `--${flag} does not exist: ${name} is set in the config file`
  const meant = didYouMean(flag, known).replace('mean ', 'mean --')
  return `${quoted(`--${flag.slice(0, 64)}`)} is not a flag.${meant || ' --help lists them.'}`
}

import { ACTIONS } from './flags.ts'
import { yesOrNo } from './kinds.ts'
import { NAMES, flagOf, settingOf, variableOf } from './settings.ts'
import type { Name } from './settings.ts'

const shownDefault = (value: unknown): string => {
  // An empty list or object, and a switch that is off, are what everybody expects.
  return typeof value === 'string' || typeof value === 'number' ? String(value) : ''
}

const plain = (doc: string): string => doc.replace(/\[([^\]]*)\]\([^)]*\)/g, 'docs/$1').replaceAll('`', '')

const flagText = (name: Name): string => {
  const { kind } = settingOf(name)
  return `--${flagOf(name)}${kind === yesOrNo ? '' : ` <${kind.word}>`}`
}

/** What `holdfast serve --help` says. */
export const helpText = (): string => {
  const lines = NAMES.filter((name) => settingOf(name).sources.includes('flag')).map((name) => {
    const { byDefault, doc } = settingOf(name)
    const usual = shownDefault(byDefault)
    return `  ${flagText(name)}\n      ${plain(doc)}${usual === '' ? '' : ` (default: ${usual})`}`
  })
  const inFile = NAMES.filter((name) => !settingOf(name).sources.includes('flag'))
  return `holdfast serve: a Holdfast hub as a server of its own

  holdfast serve --dev            to try it out, on this machine only
  holdfast serve --config holdfast.json

Every flag can also be a variable (--jwt-issuer: HOLDFAST_JWT_ISSUER) or stand in the config
file (jwtIssuer); flags win over variables, and variables over the file. Only in the file: ${inFile.join(', ')}.

${lines.join('\n')}
${Object.entries(ACTIONS)
  .map(([flag, doc]) => `  --${flag}\n      ${doc}`)
  .join('\n')}
`
}

/** The table of docs/serve.md. */
export const settingsTable = (): string => {
  const rows = NAMES.map((name) => {
    const { sources, byDefault, doc, kind, secret } = settingOf(name)
    const usual = shownDefault(byDefault)
    const cells = [
      sources.includes('file') ? `\`${name}\`` : '',
      sources.includes('flag') ? `\`--${flagOf(name)}\`` : '',
      sources.includes('env') ? `\`${variableOf(name)}\`` : '',
      kind.word.replaceAll('|', '\\|'),
      usual === '' ? '' : `\`${usual}\``,
      `${doc}${secret ? '. Secret: not as a flag' : ''}`,
    ]
    return `|${cells.map((cell) => (cell === '' ? ' |' : ` ${cell} |`)).join('')}`
  })
  return [
    '| in the file | flag | variable | value | default | what it is |',
    '| --- | --- | --- | --- | --- | --- |',
    ...rows,
  ].join('\n')
}

// Who may import whom, and no cycles. dependency-cruiser parses and resolves; the rules are the tables below.
//   base ← protocol ← transports ← client ← index, core        base ← protocol ← server ← integrations
//   fault-proxy ← testing-entry → server: what users get of src/testing never meets the client
import { existsSync } from 'node:fs'
import { cruise } from 'dependency-cruiser'

const clientSide = ['transports', 'client', 'client-entry']
const serverSide = ['server', 'server-entry']
const mayImport = {
  base: ['base'],
  protocol: ['base', 'protocol'],
  transports: ['base', 'protocol', 'transports'],
  client: ['base', 'protocol', 'client'],
  server: ['base', 'protocol', 'server'],
  integrations: ['base', 'protocol', 'integrations', ...clientSide, ...serverSide],
  'client-entry': ['base', 'protocol', ...clientSide],
  'server-entry': ['base', 'protocol', ...serverSide, 'integrations'],
  // The proxy breaks the traffic of anybody's application, so it knows nothing of ours but what bytes look like.
  'fault-proxy': ['fault-proxy'],
  'testing-entry': ['fault-proxy', 'testing-entry', ...serverSide],
  testing: [
    'base',
    'protocol',
    'testing',
    'fault-proxy',
    'testing-entry',
    'integrations',
    'cli',
    ...clientSide,
    ...serverSide,
  ],
  cli: ['base', 'protocol', 'cli', 'integrations', ...clientSide, ...serverSide],
}
// The client is handed its transports, so that the unused ones are shaken away: it may know their types only.
const mayImportTypes = { client: ['transports'] }
const packages = {
  base: [],
  protocol: [],
  transports: [],
  client: [],
  'client-entry': [],
}
const outsiders = ['demo-server', 'examples', 'e2e', 'middleboxes', 'webkit', 'bench']
const isTest = /\.(test|test-d|spec)\.ts$/

function layerOf(file) {
  if (/^src\/(index|core)\.ts$/.test(file)) return 'client-entry'
  if (file === 'src/server.ts') return 'server-entry'
  if (file === 'src/cli.ts') return 'cli'
  if (file === 'src/testing.ts' || file === 'src/testing/test-server.ts') return 'testing-entry'
  if (file.startsWith('src/testing/fault-proxy/')) return 'fault-proxy'
  return /^src\/([^/]+)\//.exec(file)?.[1]
}

function complaint(file, dependency) {
  const { resolved, module, dependencyTypes, couldNotResolve } = dependency
  const from = layerOf(file)
  if (/^holdfast(\/|$)/.test(module)) return from ? 'src imports itself by path, not by package name' : undefined
  const outside = !from
  if (outside) {
    const leaves = /^(src|dist)\//.test(resolved)
    return leaves ? `${file.split('/')[0]} imports holdfast by package name only` : undefined
  }
  if (couldNotResolve) return 'cannot be resolved'
  const to = layerOf(resolved)
  if (!to && !resolved.startsWith('src/')) {
    const allowed = packages[from]
    return !allowed || allowed.includes(module)
      ? undefined
      : `${from} may import no package but [${allowed.join(', ')}]`
  }
  if (!mayImport[from]) return `src/${from} is not a known layer: add it to scripts/check-layers.mjs`
  if (mayImport[from].includes(to)) return undefined
  if (!mayImportTypes[from]?.includes(to)) return `${from} may not import ${to ?? resolved}`
  return dependencyTypes.includes('type-only') ? undefined : `${from} may import only types from ${to} (import type)`
}

const folders = ['src', ...outsiders].filter((folder) => existsSync(folder))
const { output } = await cruise(
  folders,
  {
    tsPreCompilationDeps: true,
    doNotFollow: { path: '(^|/)(node_modules|dist)/' },
    validate: true,
    ruleSet: { forbidden: [{ name: 'no-circular', severity: 'error', from: {}, to: { circular: true } }] },
  },
  { extensions: ['.ts', '.mjs', '.js'] },
)

const problems = []
const cycles = new Set()
for (const { source, dependencies } of output.modules) {
  const file = source.replaceAll('\\', '/')
  if (!folders.some((folder) => file.startsWith(`${folder}/`)) || (layerOf(file) && isTest.test(file))) continue
  for (const dependency of dependencies) {
    const problem = complaint(file, dependency)
    if (problem) problems.push(`${file} → ${dependency.module}: ${problem}`)
    if (!dependency.circular) continue
    const ring = dependency.cycle.map(({ name }) => name)
    const first = ring.indexOf([...ring].sort()[0])
    cycles.add([...ring.slice(first), ...ring.slice(0, first), ring[first]].join(' → '))
  }
  if (layerOf(file) !== 'integrations') continue
  const layers = dependencies.map(({ resolved }) => layerOf(resolved))
  const both = [clientSide, serverSide].every((side) => layers.some((layer) => side.includes(layer)))
  if (both) problems.push(`${file}: an integration touches one side, this one imports client and server`)
}

for (const ring of cycles) problems.push(`cycle: ${ring}`)
for (const problem of problems) console.error(problem)
console.log(`layers: ${output.modules.length} modules, ${problems.length} problem(s)`)
process.exitCode = problems.length > 0 ? 1 : 0

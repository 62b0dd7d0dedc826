// Compares the public types with the reports in api/; `--update` rewrites the reports. Needs a build.
import { existsSync, mkdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { join } from 'node:path'
import { CompilerState, Extractor, ExtractorConfig } from '@microsoft/api-extractor'

const root = fileURLToPath(new URL('..', import.meta.url))
const update = process.argv.includes('--update')
const quiet = { default: { logLevel: 'none' } }
mkdirSync(join(root, 'api'), { recursive: true })

const entries = ['index', 'core', 'server', 'jwt', 'metrics', 'redis', 'testing']
const typesOf = (entry) => join(root, 'dist', `${entry}.d.ts`)
const missing = entries.find((entry) => !existsSync(typesOf(entry)))
if (missing) throw new Error(`dist/${missing}.d.ts is missing; run: npm run build`)

const configOf = (entry) =>
  ExtractorConfig.prepare({
    packageJsonFullPath: join(root, 'package.json'),
    configObjectFullPath: undefined,
    configObject: {
      projectFolder: root,
      mainEntryPointFilePath: typesOf(entry),
      newlineKind: 'lf',
      compiler: {
        overrideTsconfig: {
          compilerOptions: {
            target: 'es2022',
            lib: ['es2022', 'dom', 'dom.iterable'],
            module: 'esnext',
            moduleResolution: 'bundler',
            types: ['node'],
            strict: true,
            skipLibCheck: true,
          },
          files: entries.map(typesOf),
        },
      },
      apiReport: {
        enabled: true,
        reportFileName: `${entry}.api.md`,
        reportFolder: join(root, 'api'),
        reportTempFolder: join(root, 'api', 'temp'),
      },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      messages: {
        compilerMessageReporting: { default: { logLevel: 'error' } },
        extractorMessageReporting: {
          ...quiet,
          'ae-forgotten-export': { logLevel: 'warning', addToApiReportFile: true },
        },
        tsdocMessageReporting: quiet,
      },
    },
  })

const configs = entries.map(configOf)
// One program for all of them: reading it takes longer than all reports.
const compilerState = CompilerState.create(configs[0], { additionalEntryPoints: entries.slice(1).map(typesOf) })

let failed = 0
for (const [index, entry] of entries.entries()) {
  const { apiReportChanged, errorCount } = Extractor.invoke(configs[index], {
    compilerState,
    localBuild: update,
    messageCallback: (message) => {
      // Said below, in one line; and the bundled compiler's age is of no interest here.
      if (message.messageId.startsWith('console-')) message.handled = message.logLevel !== 'error'
    },
  })
  const changed = apiReportChanged && !update
  if (changed || errorCount > 0) failed += 1
  const verdict = errorCount > 0 ? 'has errors' : apiReportChanged ? (update ? 'updated' : 'differs') : 'unchanged'
  console.log(`api/${entry}.api.md: ${verdict}`)
  if (changed) console.log(`  now: api/temp/${entry}.api.md; if the change is meant, run: npm run api:update`)
}
process.exitCode = failed > 0 ? 1 : 0

// Mutation test of the product: each mutant of list.mjs breaks one rule with a patch of a line, and its tests must fail.
// A patch that no longer applies or does not compile, and a mutant that survives, fail the run. `--only <name>`: these alone.
import { spawn } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import ts from 'typescript'
import { MUTANTS } from './list.mjs'

const { values } = parseArgs({ options: { only: { type: 'string' } } })
const root = fileURLToPath(new URL('../..', import.meta.url))
const only = values.only?.split(',')
const chosen = MUTANTS.filter(({ name }) => !only || only.includes(name))
if (chosen.length === 0) {
  console.error(`No mutant is called ${values.only}. Mutants: ${MUTANTS.map(({ name }) => name).join(', ')}`)
  process.exit(2)
}

/** What the compiler says of a file with another text; nothing when it compiles. One service serves all mutants. */
const compiler = () => {
  const config = ts.getParsedCommandLineOfConfigFile(
    join(root, 'tsconfig.json'),
    { noEmit: true },
    {
      ...ts.sys,
      onUnRecoverableConfigFileDiagnostic: (diagnostic) => {
        throw new Error(ts.flattenDiagnosticMessageText(diagnostic.messageText, '\n'))
      },
    },
  )
  const texts = new Map()
  const versions = new Map()
  const service = ts.createLanguageService({
    getScriptFileNames: () => config.fileNames,
    getScriptVersion: (file) => String(versions.get(file) ?? 0),
    getScriptSnapshot: (file) => {
      const text = texts.get(file) ?? ts.sys.readFile(file)
      return text === undefined ? undefined : ts.ScriptSnapshot.fromString(text)
    },
    getCurrentDirectory: () => root,
    getCompilationSettings: () => config.options,
    getDefaultLibFileName: ts.getDefaultLibFilePath,
    fileExists: ts.sys.fileExists,
    readFile: ts.sys.readFile,
    readDirectory: ts.sys.readDirectory,
    directoryExists: ts.sys.directoryExists,
    getDirectories: ts.sys.getDirectories,
  })
  const bump = (file) => versions.set(file, (versions.get(file) ?? 0) + 1)
  return (file, text) => {
    texts.set(file, text)
    bump(file)
    const found = [...service.getSyntacticDiagnostics(file), ...service.getSemanticDiagnostics(file)]
    texts.delete(file)
    bump(file)
    // A rule that is switched off may leave a name unused (6133); that is no error of the program.
    return found
      .filter(({ code }) => code !== 6133)
      .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'))
  }
}

/** The copy in which the tests run: the mutant never touches the checkout. */
const copy = mkdtempSync(join(tmpdir(), 'holdfast-mutants-'))
for (const name of ['src', 'demo-server', 'vitest.config.ts', 'tsconfig.json', 'package.json', 'PROTOCOL.md']) {
  cpSync(join(root, name), join(copy, name), { recursive: true })
}
symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'), 'junction')

const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs')
const runTests = (files) =>
  new Promise((resolve) => {
    const child = spawn(process.execPath, [vitest, 'run', '--bail', '1', '--reporter', 'dot', ...files], {
      cwd: copy,
      env: { ...process.env, SEEDS: '20' },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    child.stdout.on('data', (chunk) => (output += chunk))
    child.stderr.on('data', (chunk) => (output += chunk))
    child.on('close', (code) => resolve({ passed: code === 0, output }))
  })

const failures = []
const complain = (name, why) => {
  failures.push(name)
  console.log(`FAILED    ${name}: ${why}`)
}

const problemsOf = compiler()
try {
  // What fails without a mutant proves nothing about one.
  const files = [...new Set(chosen.flatMap(({ tests }) => tests))]
  const clean = await runTests(files)
  if (!clean.passed) {
    console.log(clean.output)
    throw new Error('the tests of the mutants fail without a mutant')
  }
  for (const { name, file, find, replace, tests } of chosen) {
    const text = readFileSync(join(root, file), 'utf8')
    if (text.split(find).length !== 2) {
      complain(name, `its patch does not apply: "${find}" is not exactly once in ${file}`)
      continue
    }
    const mutated = text.replace(find, () => replace)
    const [problem] = problemsOf(join(root, file), mutated)
    if (problem !== undefined) {
      complain(name, `it does not compile: ${problem}`)
      continue
    }
    writeFileSync(join(copy, file), mutated)
    const { passed } = await runTests(tests)
    writeFileSync(join(copy, file), text)
    if (passed) complain(name, `it survives ${tests.join(', ')}`)
    else console.log(`killed    ${name} by ${tests.join(', ')}`)
  }
} finally {
  rmSync(copy, { recursive: true, force: true })
}
console.log(`${chosen.length - failures.length} of ${chosen.length} mutants killed`)
process.exitCode = failures.length > 0 ? 1 : 0

// Mutation test of the product: each mutant of list.mjs breaks one rule with a patch of a line, and its tests must fail.
// A patch that no longer applies or does not compile, and a mutant that survives, fail the run. `--only <name>`: these alone.
import { spawn } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
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

/** A copy of the checkout for each core, in which the tests run: a mutant never touches the checkout itself. */
const copies = Array.from({ length: Math.min(chosen.length, availableParallelism()) }, () => {
  const copy = mkdtempSync(join(tmpdir(), 'holdfast-mutants-'))
  for (const name of [
    'src',
    'demo-server',
    'scripts',
    'vitest.config.ts',
    'tsconfig.json',
    'package.json',
    'PROTOCOL.md',
  ]) {
    cpSync(join(root, name), join(copy, name), { recursive: true })
  }
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'), 'junction')
  return copy
})

const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs')
// As in an everyday run, also within a full one: those are the tests that are said to catch it.
const everyday = { ...process.env, FULL: '', REAL: '', FUZZ_RUNS: '100', SEEDS: '20' }
// A mutant changes one file: the others are transformed once for all of them.
const FAST = ['--bail', '1', '--reporter', 'dot', '--experimental.fsModuleCache']
const runTests = (copy, files) =>
  new Promise((resolve) => {
    const child = spawn(process.execPath, [vitest, 'run', ...FAST, ...files], {
      cwd: copy,
      env: everyday,
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
const tryOut = async (copy, { name, file, find, replace, tests }) => {
  const text = readFileSync(join(root, file), 'utf8')
  if (text.split(find).length !== 2) {
    complain(name, `its patch does not apply: "${find}" is not exactly once in ${file}`)
    return
  }
  const mutated = text.replace(find, () => replace)
  const [problem] = problemsOf(join(root, file), mutated)
  if (problem !== undefined) {
    complain(name, `it does not compile: ${problem}`)
    return
  }
  writeFileSync(join(copy, file), mutated)
  const { passed } = await runTests(copy, tests)
  writeFileSync(join(copy, file), text)
  if (passed) complain(name, `it survives ${tests.join(', ')}`)
  else console.log(`killed    ${name} by ${tests.join(', ')}`)
}

try {
  // What fails without a mutant proves nothing about one.
  const clean = await runTests(copies[0], [...new Set(chosen.flatMap(({ tests }) => tests))])
  if (!clean.passed) {
    console.log(clean.output)
    throw new Error('the tests of the mutants fail without a mutant')
  }
  const waiting = [...chosen]
  await Promise.all(
    copies.map(async (copy) => {
      for (let mutant = waiting.shift(); mutant; mutant = waiting.shift()) await tryOut(copy, mutant)
    }),
  )
} finally {
  for (const copy of copies) rmSync(copy, { recursive: true, force: true })
}
console.log(`${chosen.length - failures.length} of ${chosen.length} mutants killed`)
process.exitCode = failures.length > 0 ? 1 : 0

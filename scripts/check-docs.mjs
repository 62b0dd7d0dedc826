// Checks the documentation, so that it cannot drift from the code:
// - Each ```ts and ```tsx block of README.md and docs/ compiles under the settings of tsconfig.json. A block marked `continued` is
//   compiled behind the last block of its file that is not; one marked `no-check` is left out.
// - Each relative link, and each #anchor, points at something.
// - Each table below `<!-- values: <file> <name> -->` lists every entry of that object, with its value.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { compile } from './compiler.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const cache = join(root, 'node_modules', '.cache', 'check-docs')
const generated = new Set(['node_modules', 'dist', 'dist-demo', 'api', 'coverage', 'test-results', 'playwright-report'])
const problems = []
const report = (file, line, message) => problems.push(`${file}:${line}: ${message}`)

function markdownFiles(folder = '') {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = folder ? `${folder}/${entry.name}` : entry.name
    if (entry.isDirectory()) return generated.has(entry.name) || entry.name.startsWith('.') ? [] : markdownFiles(path)
    return path.endsWith('.md') ? [path] : []
  })
}

/** The prose of a file, line by line, with code blanked out; and its fenced blocks. */
function parse(file) {
  const lines = readFileSync(join(root, file), 'utf8').split('\n')
  const prose = []
  const blocks = []
  let block
  for (const [index, line] of lines.entries()) {
    const [, fence, info] = /^\s*(`{3,}|~{3,})(.*)$/.exec(line) ?? []
    if (block) {
      if (fence && line.trim() === block.fence) block = undefined
      else block.lines.push(line)
    } else if (fence) {
      const [language = '', ...marks] = info.trim().split(/\s+/)
      block = { fence, file, language, marks, line: index + 2, lines: [] }
      blocks.push(block)
    } else {
      prose[index] = line
      continue
    }
    prose[index] = ''
  }
  if (block) report(file, block.line - 1, 'this code block has no end')
  return { file, prose, blocks }
}

/** Writes what is to be compiled; returns where each line of it comes from. */
function writeBlocks(documents) {
  rmSync(cache, { recursive: true, force: true })
  mkdirSync(cache, { recursive: true })
  const origins = new Map()
  for (const { file, blocks } of documents) {
    if (file !== 'README.md' && !file.startsWith('docs/')) continue
    let head
    for (const block of blocks) {
      const { language, marks, line } = block
      if (!['ts', 'tsx'].includes(language) || marks.includes('no-check')) continue
      const continued = marks.includes('continued')
      if (continued && !head) report(file, line, 'there is no block before it that this one could continue')
      if (!continued) head = block
      const parts = continued && head ? [head, block] : [block]
      const path = join(cache, `${file.replaceAll('/', '-')}-${line}.${language}`)
      // Relative imports are meant from where the page is.
      const moved = (_, before, target) => `${before}${join(root, dirname(file), target).split(sep).join('/')}'`
      const lines = parts.flatMap((part) => part.lines)
      writeFileSync(path, `${lines.map((text) => text.replace(/(from ')(\.{1,2}\/[^']+)'/, moved)).join('\n')}\n`)
      const from = parts.flatMap((part) => part.lines.map((_, index) => part.line + index))
      origins.set(path.split(sep).join('/'), { file, from })
    }
  }
  return origins
}

function checkBlocks(documents) {
  const origins = writeBlocks(documents)
  const project = join(cache, 'tsconfig.json')
  const config = { extends: '../../../tsconfig.json', compilerOptions: { jsx: 'preserve' }, include: ['*.ts', '*.tsx'] }
  writeFileSync(project, JSON.stringify({ ...config, exclude: [] }))
  const { ok, output } = compile(project)
  // The lines of an error that has several begin with blanks.
  const errors = output.split(/\n(?=\S)/).filter(Boolean)
  for (const error of errors) {
    const [, path, line, text] = /^(.+?)\((\d+),\d+\): error ([^]*)$/.exec(error) ?? []
    const origin = path && origins.get(join(root, path).split(sep).join('/'))
    if (origin) report(origin.file, origin.from[line - 1] ?? origin.from.at(-1) ?? 1, text)
    else report(path ?? 'tsconfig.json', line ?? 1, text ?? error)
  }
  if (!ok && errors.length === 0) report('tsconfig.json', 1, 'the compiler ended without a word')
  return origins.size
}

/** The anchors that GitHub gives the headings of a file. */
function anchorsOf({ prose }) {
  const seen = new Map()
  const anchors = new Set()
  for (const line of prose) {
    const heading = /^#{1,6}\s+(.*?)\s*#*$/.exec(line)?.[1]
    for (const [, id] of line.matchAll(/<a (?:id|name)="([^"]+)"/g)) anchors.add(id)
    if (heading === undefined) continue
    const text = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').replace(/[`*]/g, '')
    const slug = text
      .toLowerCase()
      .replace(/[^\p{L}\p{N}_\- ]/gu, '')
      .replaceAll(' ', '-')
    const count = seen.get(slug) ?? 0
    seen.set(slug, count + 1)
    anchors.add(count ? `${slug}-${count}` : slug)
  }
  return anchors
}

function checkLinks(documents) {
  const byFile = new Map(documents.map((document) => [document.file, document]))
  let count = 0
  for (const { file, prose } of documents) {
    for (const [index, line] of prose.entries()) {
      const text = line.replace(/`[^`]*`/g, '')
      const targets = [...text.matchAll(/\]\(([^)\s]+)[^)]*\)/g), ...text.matchAll(/(?:src|srcset|href)="([^"]+)"/g)]
      for (const [, target] of targets) {
        if (/^([a-z][a-z+.-]*:|\/\/)/i.test(target)) continue
        count++
        const [path, anchor] = target.split('#')
        const found = path ? join(dirname(file), decodeURIComponent(path)).split(sep).join('/') : file
        if (!existsSync(join(root, found))) report(file, index + 1, `the link ${target} points at nothing`)
        else if (anchor && byFile.has(found) && !anchorsOf(byFile.get(found)).has(anchor))
          report(file, index + 1, `${found} has no heading for #${anchor}`)
      }
    }
  }
  return count
}

/** A source file without its types, as a URL that can be imported; what it imports comes along. */
function moduleOf(path) {
  const { outputText } = ts.transpileModule(readFileSync(path, 'utf8'), {
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext, verbatimModuleSyntax: true },
  })
  const code = outputText.replace(
    /(from ')(\.{1,2}\/[^']+)'/g,
    (_, before, to) => `${before}${moduleOf(join(dirname(path), to))}'`,
  )
  return `data:text/javascript;base64,${Buffer.from(code).toString('base64')}`
}

async function constantOf(path, name) {
  const module = await import(moduleOf(join(root, path)))
  return module[name]
}

/** `| `name` | 10 000 ms | … |`: the first cell names the entry, the second begins with its value. */
async function checkTables({ file, prose }) {
  let count = 0
  for (const [index, line] of prose.entries()) {
    const [, path, name] = /^<!-- values: (\S+) (\S+) -->$/.exec(line.trim()) ?? []
    if (!path) continue
    count++
    const missing = new Map(Object.entries((await constantOf(path, name)) ?? {}))
    if (missing.size === 0) report(file, index + 1, `${path} has no ${name}`)
    for (let at = index + 1; at < prose.length && !(prose[at] === '' && prose[at - 1]?.startsWith('|')); at++) {
      const [, key, shown] = /^\| `(\w+)` \| (\d[\d ,]*)/.exec(prose[at]) ?? []
      if (!key) continue
      const value = missing.get(key)
      if (value === undefined) report(file, at + 1, `${name} has no ${key}, or it stands here twice`)
      else if (Number(shown.replace(/[ ,]/g, '')) !== value) report(file, at + 1, `${key} is ${value}`)
      missing.delete(key)
    }
    for (const key of missing.keys()) report(file, index + 1, `${key} of ${name} is missing in this table`)
  }
  return count
}

const documents = markdownFiles().map(parse)
const blocks = checkBlocks(documents)
const links = checkLinks(documents)
let tables = 0
for (const document of documents) tables += await checkTables(document)

for (const problem of problems) console.error(problem)
console.log(
  `${blocks} code blocks, ${links} links and ${tables} tables of ${documents.length} files: ${problems.length} problems`,
)
process.exitCode = problems.length > 0 ? 1 : 0

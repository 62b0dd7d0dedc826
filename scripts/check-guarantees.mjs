// The tables of promises: every clause has its row, and every test that a row links to cites the clause, in a title or a comment.
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

const TABLES = [
  { file: 'docs/guarantees.md', letter: 'R', clauses: 26 },
  { file: 'docs/security.md', letter: 'S', clauses: 20 },
]

/** The clauses that a text names: `R7`, and all of `R1–R4`. */
const clausesOf = (text, letter) => {
  const named = new Set()
  const pattern = new RegExp(`\\b${letter}(\\d+)(?:–${letter}(\\d+))?`, 'g')
  for (const [, from, to = from] of text.matchAll(pattern)) {
    for (let clause = Number(from); clause <= Number(to); clause++) named.add(clause)
  }
  return named
}

const problemsOf = ({ file, letter, clauses: count }) => {
  const problems = []
  const promised = new Set()
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    const [, first = '', , proofs = ''] = line.split('|')
    if (!new RegExp(`^ ${letter}\\d`).test(first)) continue
    const clauses = clausesOf(first, letter)
    for (const clause of clauses) promised.add(clause)
    const links = [...proofs.matchAll(/\]\(([^)#]+)\)/g)].map(([, path]) => join(dirname(file), path))
    if (links.length === 0 && !proofs.includes('not proven'))
      problems.push(`${first.trim()}: no test, and no "not proven"`)
    for (const path of links) {
      const cited = clausesOf(readFileSync(path, 'utf8'), letter)
      if (![...clauses].some((clause) => cited.has(clause))) problems.push(`${first.trim()}: ${path} does not cite it`)
    }
  }
  for (let clause = 1; clause <= count; clause++)
    if (!promised.has(clause)) problems.push(`${letter}${clause} has no row`)
  console.log(`${promised.size} clauses of ${file}: ${problems.length} problems`)
  return problems.map((problem) => `${file}: ${problem}`)
}

const problems = TABLES.flatMap(problemsOf)
for (const problem of problems) console.error(problem)
process.exitCode = problems.length > 0 ? 1 : 0

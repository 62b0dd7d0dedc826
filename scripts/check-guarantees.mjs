// docs/guarantees.md: every clause has its row, and every test that a row links to cites the clause, in a title or a comment.
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

const FILE = 'docs/guarantees.md'
const CLAUSES = 26

/** The clauses that a text names: `R7`, and all of `R1–R4`. */
const clausesOf = (text) => {
  const named = new Set()
  for (const [, from, to = from] of text.matchAll(/\bR(\d+)(?:–R(\d+))?/g)) {
    for (let clause = Number(from); clause <= Number(to); clause++) named.add(clause)
  }
  return named
}

const problems = []
const promised = new Set()
for (const line of readFileSync(FILE, 'utf8').split('\n')) {
  const [, first = '', , proofs = ''] = line.split('|')
  if (!/^ R\d/.test(first)) continue
  const clauses = clausesOf(first)
  for (const clause of clauses) promised.add(clause)
  const links = [...proofs.matchAll(/\]\(([^)#]+)\)/g)].map(([, path]) => join(dirname(FILE), path))
  if (links.length === 0 && !proofs.includes('not proven'))
    problems.push(`${first.trim()}: no test, and no "not proven"`)
  for (const path of links) {
    const cited = clausesOf(readFileSync(path, 'utf8'))
    if (![...clauses].some((clause) => cited.has(clause))) problems.push(`${first.trim()}: ${path} does not cite it`)
  }
}
for (let clause = 1; clause <= CLAUSES; clause++) if (!promised.has(clause)) problems.push(`R${clause} has no row`)

for (const problem of problems) console.error(`${FILE}: ${problem}`)
console.log(`${promised.size} clauses of ${FILE}: ${problems.length} problems`)
process.exitCode = problems.length > 0 ? 1 : 0

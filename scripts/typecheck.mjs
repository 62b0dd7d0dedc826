// The types of everything; then of the parts that may know less of their surroundings than the rest.
import { compile } from './compiler.mjs'

const PROJECTS = ['tsconfig.json', 'tsconfig.browser.json', 'src/protocol', 'demo-server/pages']

for (const project of PROJECTS) {
  const { ok, output } = compile(project)
  if (ok) continue
  console.error(`${output}\nin ${project}`)
  process.exitCode = 1
}

// Names of properties that a minified build must keep: everything that the public types and the wire name, and what the
// language itself looks for. All other names are internal and are shortened.
import { readFileSync } from 'node:fs'
import ts from 'typescript'

const OF_THE_LANGUAGE = ['return', 'next', 'throw', 'done', 'value', 'then', 'toJSON']
const FILES = [
  'src/base/errors.ts',
  'src/client/types.ts',
  'src/client/explain.ts',
  'src/core.ts',
  'src/index.ts',
  'src/protocol/frames.ts',
  'src/transports/http.ts',
  'src/transports/transport.ts',
  'src/transports/websocket.ts',
]

/** Every name that these files export, or declare as a property or method of an interface or class. */
export const publicNames = (files = FILES) => {
  const names = new Set(OF_THE_LANGUAGE)
  const visit = (node) => {
    // A script's global is an object with the exports as its properties.
    if (ts.isExportSpecifier(node)) names.add(node.name.text)
    if (ts.isVariableDeclaration(node) && ts.isIdentifier(node.name)) names.add(node.name.text)
    const isMember = ts.isPropertySignature(node) || ts.isMethodSignature(node) || ts.isPropertyDeclaration(node)
    if (isMember && (ts.isIdentifier(node.name) || ts.isStringLiteral(node.name))) names.add(node.name.text)
    ts.forEachChild(node, visit)
  }
  for (const file of files) {
    visit(ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest))
  }
  // Of a package that is bundled as it is.
  return [...names, '_events', '_eventsCount']
}

// Names of properties that a minified build must keep: what the public types and the wire name, what is looked up by a
// string somewhere, and what the language and the platform look for. All other names are internal and are shortened.
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { readdirSync, readFileSync } from 'node:fs'
import ts from 'typescript'

const OF_THE_LANGUAGE = ['return', 'next', 'throw', 'done', 'value', 'then', 'toJSON']
const PUBLIC = [
  'src/base/errors.ts',
  'src/client/types.ts',
  'src/client/explain.ts',
  'src/client/full-client.ts',
  'src/client/history-types.ts',
  'src/client/presence-types.ts',
  'src/client/request-types.ts',
  'src/core.ts',
  'src/index.ts',
  'src/protocol/frames.ts',
  'src/transports/http.ts',
  'src/transports/transport.ts',
  'src/transports/websocket.ts',
]
const BUNDLED = ['base', 'client', 'protocol', 'transports'].flatMap((folder) =>
  readdirSync(`src/${folder}`)
    .filter((name) => name.endsWith('.ts') && !name.includes('.test'))
    .map((name) => `src/${folder}/${name}`),
)

// The minifier has a list of its own of what browsers name, but not all of it (`ifAvailable` of a lock was missing).
const PLATFORM = join(dirname(createRequire(import.meta.url).resolve('typescript')), 'lib.dom.d.ts')

const read = (file) => ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest)

const isMember = (node) => ts.isPropertySignature(node) || ts.isMethodSignature(node) || ts.isPropertyDeclaration(node)

export const publicNames = () => {
  const names = new Set(OF_THE_LANGUAGE)
  const declared = (node) => {
    // A script's global is an object with the exports as its properties.
    const named = ts.isExportSpecifier(node) || ts.isVariableDeclaration(node) || isMember(node)
    if (named && (ts.isIdentifier(node.name) || ts.isStringLiteral(node.name))) names.add(node.name.text)
    ts.forEachChild(node, declared)
  }
  const asText = (node) => {
    if (ts.isStringLiteral(node)) names.add(node.text)
    ts.forEachChild(node, asText)
  }
  for (const file of [PLATFORM, ...PUBLIC]) declared(read(file))
  for (const file of BUNDLED) asText(read(file))
  return [...names]
}

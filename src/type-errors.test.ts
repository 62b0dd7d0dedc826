import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { expect, it } from 'vitest'

const fixture = fileURLToPath(new URL('type-errors.fixture.ts', import.meta.url))
const source = `
import type { Client } from './client/types.ts'
interface Channels { 'chat:lobby': string; [quote: \`quotes:\${string}\`]: number }
declare const client: Client<Channels>
client.subscribe('chat:loby', () => undefined)
client.read('chat:loby')
void client.publish('chat:loby', 'hi')
void client.publish('chat:lobby', 7)
`

/** What the compiler says of a file that is nowhere but in memory. */
const messagesOf = (text: string): string[] => {
  const { config } = ts.readConfigFile(
    fileURLToPath(new URL('../tsconfig.json', import.meta.url)),
    ts.sys.readFile,
  ) as {
    config: { compilerOptions: unknown }
  }
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, '.')
  const host = ts.createCompilerHost({ ...options, types: [] })
  const { getSourceFile, fileExists } = host
  host.fileExists = (name) => name === fixture || fileExists(name)
  host.getSourceFile = (name, ...rest) =>
    name === fixture ? ts.createSourceFile(name, text, ts.ScriptTarget.ES2022) : getSourceFile(name, ...rest)
  const program = ts.createProgram([fixture], { ...options, types: [] }, host)
  return program
    .getSemanticDiagnostics(program.getSourceFile(fixture))
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'))
}

it('a wrong channel is a compile error that names the channels of the map, a wrong payload one that names its type', () => {
  const wrong = messagesOf(source)
  expect(wrong).toHaveLength(4)
  for (const message of wrong.slice(0, 3)) {
    expect(message).toContain(`'"chat:loby"' is not assignable`)
    expect(message).toContain('"chat:lobby"')
    expect(message).toContain('`quotes:${string}`')
  }
  expect(wrong[3]).toBe("Argument of type 'number' is not assignable to parameter of type 'string'.")
}, 60_000)

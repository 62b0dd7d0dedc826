import fc from 'fast-check'

/** JSON text in the making. Unlike a value it can name a field twice, and can have `__proto__` as a name like others. */
type Tree =
  | { readonly kind: 'raw'; readonly text: string }
  | { readonly kind: 'list'; readonly items: Tree[] }
  | { readonly kind: 'object'; readonly fields: [name: string, value: Tree][] }

const raw = (text: string): Tree => ({ kind: 'raw', text })

const treeOf = (value: unknown): Tree => {
  if (Array.isArray(value)) return { kind: 'list', items: value.map(treeOf) }
  if (typeof value !== 'object' || value === null) return raw(JSON.stringify(value))
  const fields = Object.entries(value).filter(([, field]) => field !== undefined)
  return { kind: 'object', fields: fields.map(([name, field]) => [name, treeOf(field)]) }
}

const textOf = (tree: Tree): string => {
  if (tree.kind === 'raw') return tree.text
  if (tree.kind === 'list') return `[${tree.items.map(textOf).join()}]`
  return `{${tree.fields.map(([name, field]) => `${JSON.stringify(name)}:${textOf(field)}`).join()}}`
}

/** A value in its place: what can be done with it. */
interface Node {
  readonly tree: Tree
  put(...trees: Tree[]): void
  rename(name: string): void
}

const nodesOf = (tree: Tree): Node[] => {
  if (tree.kind === 'raw') return []
  const own = (tree.kind === 'list' ? tree.items : tree.fields.map(([, field]) => field)).map((child): Node => {
    const at = (): number =>
      tree.kind === 'list' ? tree.items.indexOf(child) : tree.fields.findIndex(([, field]) => field === child)
    return {
      tree: child,
      put: (...trees) => {
        if (tree.kind === 'list') tree.items.splice(at(), 1, ...trees)
        else {
          const [name = ''] = tree.fields[at()] ?? []
          tree.fields.splice(at(), 1, ...trees.map((each): [string, Tree] => [name, each]))
        }
      },
      rename: (name) => {
        if (tree.kind === 'object') tree.fields.splice(at(), 1, [name, child])
      },
    }
  })
  return own.flatMap((node) => [node, ...nodesOf(node.tree)])
}

/** Names that mean something to somebody, in our protocol or in the language. */
const NAMES = ['__proto__', 'constructor', 'prototype', 'toString', 'valueOf', 'type', 'channel', 'data', 'length', '']

/** Values of the wrong type, or at the edge of the right one. A lone surrogate stands in the text as it is, and escaped. */
const VALUES = [
  ...['null', 'true', 'false', '0', '-0', '1', '-1', '1.5', '1e3', '1e400', '-1e400', '1e-400'],
  ...['9007199254740991', '9007199254740992', '-9007199254740992', '18446744073709551616', '999999999999'],
  ...['""', '"x"', '"0"', '"1"', '"\\u0000"', '"\\n"', '"\\r\\n\\n"', '"\\u2028"', '"\u2029"', '"\u0085"', '"😀"'],
  ...['"\\ud800"', '"\\udc00\\ud800"', '"\ud800"', '"__proto__"', '"constructor"', `"${'x'.repeat(65)}"`],
  ...[`"${'é'.repeat(129)}"`, '"E.1.m1"', '"E.0.0"', '"E.0.x"', '"E.01.x"', '"E.9007199254740992.x"', '"E.1"'],
  ...['[]', '{}', '[[]]', '[null]', '{"length":1000000000}', '{"toString":1}', '{"valueOf":1,"toString":null}'],
  ...['{"__proto__":{"polluted":true}}', '{"constructor":{"prototype":{"polluted":true}}}', '{"then":1}'],
  ...[`${'['.repeat(40)}${']'.repeat(40)}`, `${'{"a":'.repeat(40)}1${'}'.repeat(40)}`],
]

type Change =
  | { readonly how: 'drop' | 'double' | 'wrap'; readonly at: number }
  | { readonly how: 'value' | 'before' | 'after'; readonly at: number; readonly value: string }
  | { readonly how: 'rename'; readonly at: number; readonly name: string }

const at = fc.nat(1_000)
const change: fc.Arbitrary<Change> = fc.oneof(
  fc.record({ how: fc.constantFrom('drop' as const, 'double' as const, 'wrap' as const), at }),
  {
    weight: 3,
    arbitrary: fc.record({
      how: fc.constantFrom('value' as const, 'value' as const, 'before' as const, 'after' as const),
      at,
      value: fc.constantFrom(...VALUES),
    }),
  },
  fc.record({ how: fc.constant('rename' as const), at, name: fc.constantFrom(...NAMES) }),
)

const apply = (tree: Tree, todo: Change): void => {
  const nodes = nodesOf(tree)
  const node = nodes[todo.at % Math.max(1, nodes.length)]
  if (!node) return
  switch (todo.how) {
    case 'drop':
      return node.put()
    case 'double':
      return node.put(node.tree, treeOf(JSON.parse(textOf(node.tree))))
    case 'wrap':
      return node.put({ kind: 'list', items: [node.tree] })
    case 'value':
      return node.put(raw(todo.value))
    // The same name twice, in both orders.
    case 'before':
      return node.put(raw(todo.value), node.tree)
    case 'after':
      return node.put(node.tree, raw(todo.value))
    case 'rename':
      return node.rename(todo.name)
  }
}

/** What may happen to a text that is no matter of JSON. */
const TEXTS = ['', ' ', '\n', '\uFEFF', '\0', '"', '\\', '[', ']', '{', '}', ',', ':', 'null', '<!-- -->', '\ud800']

/** A few changes of a JSON value, and one of its text now and then: then some of it is no JSON any more. */
export interface Damage {
  readonly changes: readonly Change[]
  readonly edit: { readonly at: number; readonly cut: number; readonly text: string; readonly short: boolean } | null
}
export const damage: fc.Arbitrary<Damage> = fc.record({
  changes: fc.array(change, { maxLength: 4 }),
  edit: fc.option(fc.record({ at, cut: fc.nat(3), text: fc.constantFrom(...TEXTS), short: fc.boolean() }), { freq: 6 }),
})

/** The JSON text of a damaged value. */
export const damagedText = (value: unknown, { changes, edit }: Damage): string => {
  const tree: Tree = { kind: 'list', items: [treeOf(value)] }
  for (const each of changes) apply(tree, each)
  const text = tree.items.map(textOf).join()
  if (!edit) return text
  const from = edit.at % (text.length + 1)
  return text.slice(0, from) + edit.text + (edit.short ? '' : text.slice(from + edit.cut))
}

/** The JSON text of a value with a little damage. */
export const damagedJson = (value: fc.Arbitrary<unknown>): fc.Arbitrary<string> =>
  fc.tuple(value, damage).map(([whole, todo]) => damagedText(whole, todo))

/** Any JSON, and what only looks like it. */
export const anyText: fc.Arbitrary<string> = fc.oneof(
  fc.json({ maxDepth: 4 }),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.array(fc.constantFrom(...TEXTS, ...VALUES), { maxLength: 12 }).map((parts) => parts.join('')),
  fc.tuple(fc.constantFrom('[', '{"a":', '[{"":', '"', '\\'), fc.nat(50_000)).map(([open, n]) => open.repeat(n)),
  fc.nat(50_000).map((n) => '['.repeat(n) + ']'.repeat(n)),
)

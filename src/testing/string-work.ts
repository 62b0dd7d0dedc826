type Method = (this: unknown, ...values: unknown[]) => unknown

/** What only makes a new reference of a text, or takes one character, costs the same for a long one. */
const CHEAP = new Set(['constructor', 'at', 'charAt', 'charCodeAt', 'codePointAt', 'toString', 'valueOf', 'concat'])

/** Calls `task`, and counts the characters of every text that a method of strings or regular expressions looks at meanwhile. */
export const countWork = (task: () => void): number => {
  let work = 0
  let depth = 0
  const undo: (() => void)[] = []
  const watch = (
    prototype: object,
    names: readonly string[],
    length: (self: unknown, first: unknown) => number,
  ): void => {
    const methods = prototype as Record<string, Method>
    for (const name of names) {
      const method = methods[name]
      if (typeof method !== 'function' || CHEAP.has(name)) continue
      methods[name] = function (...values) {
        // What a method calls for its own work is in its count already.
        if (depth === 0) work += length(this, values[0])
        depth++
        try {
          return method.apply(this, values)
        } finally {
          depth--
        }
      }
      undo.push(() => (methods[name] = method))
    }
  }
  watch(String.prototype, Object.getOwnPropertyNames(String.prototype), (self) => (self as string).length)
  watch(RegExp.prototype, ['exec', 'test'], (_, text) => String(text).length)
  try {
    task()
  } finally {
    for (const step of undo) step()
  }
  return work
}

/** How many characters have to be put in, left out, changed or swapped with the next to make `b` of `a`. */
const distance = (a: string, b: string): number => {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column)
  let before = row
  for (let line = 1; line <= a.length; line++) {
    const next = [line]
    for (let column = 1; column <= b.length; column++) {
      const changed = (row[column - 1] ?? 0) + (a[line - 1] === b[column - 1] ? 0 : 1)
      const isSwapped = line > 1 && column > 1 && a[line - 1] === b[column - 2] && a[line - 2] === b[column - 1]
      const swapped = isSwapped ? (before[column - 2] ?? 0) + 1 : Infinity
      next.push(Math.min(changed, swapped, (row[column] ?? 0) + 1, (next[column - 1] ?? 0) + 1))
    }
    before = row
    row = next
  }
  return row[b.length] ?? 0
}

/** The one of `names` that was probably meant, or undefined when none is near. */
export const nearest = (given: string, names: readonly string[]): string | undefined => {
  if (given.length > 64) return undefined
  const most = Math.max(1, Math.floor(given.length / 3))
  let best: { readonly name: string; readonly far: number } | undefined
  for (const name of names) {
    const far = distance(given.toLowerCase(), name.toLowerCase())
    if (far <= most && far < (best?.far ?? Infinity)) best = { name, far }
  }
  return best?.name
}

/** ` Did you mean x?`, or nothing. */
export const didYouMean = (given: string, names: readonly string[]): string => {
  const name = nearest(given, names)
  return name === undefined ? '' : ` Did you mean ${name}?`
}

import { describe, it } from 'vitest'
import { findProgram } from '../../scripts/find-program.mjs'

/** A `describe` that needs programs; `others`: what else is missing. Where one is it says so and runs nothing; under CI it fails. */
export const describeWith = (
  programs: readonly string[],
  name: string,
  define: () => void,
  others: readonly string[] = [],
): void => {
  const missing = [...programs.filter((program) => findProgram(program) === undefined), ...others]
  if (missing.length === 0) describe(name, define)
  else if (process.env['CI']) {
    it(name, () => {
      throw new Error(`CI needs ${missing.join(' and ')} for: ${name}`)
    })
  } else {
    console.log(`not run: ${name} (${missing.join(' and ')} was not found)`)
    describe.skip(name, define)
  }
}

import { describe, it } from 'vitest'
import { findProgram } from '../../scripts/find-program.mjs'

/** A `describe` that needs programs. Where one is missing it says so and runs nothing; under CI it fails. */
export const describeWith = (programs: readonly string[], name: string, define: () => void): void => {
  const missing = programs.filter((program) => findProgram(program) === undefined)
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

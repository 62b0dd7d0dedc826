import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bundleSource } from '../../../scripts/bundle-source.mjs'

/** A program that Node can run. */
export interface HubProgram {
  readonly file: string
  remove(): void
}

/** hub-program.ts for Node, in a folder of its own. */
export const buildHubProgram = async (): Promise<HubProgram> => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-hub-'))
  const removeFolder = (): void => rmSync(folder, { recursive: true, force: true })
  process.once('exit', removeFolder)
  const file = await bundleSource('src/testing/many-nodes/hub-program.ts', folder)
  return {
    file,
    remove: () => {
      process.off('exit', removeFolder)
      removeFolder()
    },
  }
}

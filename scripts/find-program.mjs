// Finds a program that tests start: one that is not there is said to be "not run".
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

// Debian puts servers where only root's PATH looks.
const more = ['/usr/bin', '/usr/local/bin', '/usr/sbin', '/usr/local/sbin']

export function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** The path of a program, or undefined when this machine does not have it. */
export function findProgram(name) {
  const folders = [...(process.env.PATH ?? '').split(delimiter), ...more].filter(Boolean)
  return folders.map((folder) => join(folder, name)).find(isExecutable)
}

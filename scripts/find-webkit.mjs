// Finds what runs the WebKitGTK tests: the driver, the browser that it drives, and a display for its windows.
import { readdirSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { findProgram, isExecutable } from './find-program.mjs'

const { env } = process
const installCommand = 'sudo apt-get install -y webkit2gtk-driver xvfb'

// Debian has one of the first kind, `/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1`; others have /usr/libexec or no folder of the machine.
const libraryFolders = ['/usr/lib', '/usr/lib64', '/usr/libexec', '/usr/local/lib', '/usr/local/libexec']
const versions = ['webkit2gtk-4.1', 'webkitgtk-6.0', 'webkit2gtk-4.0']

function subfolders(folder) {
  try {
    return readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
      entry.isDirectory() && entry.name.includes('-linux-') ? [join(folder, entry.name)] : [],
    )
  } catch {
    return []
  }
}

function miniBrowser() {
  const folders = libraryFolders.flatMap((folder) => [...subfolders(folder), folder])
  return versions.flatMap((version) => folders.map((folder) => join(folder, version, 'MiniBrowser'))).find(isExecutable)
}

/** Whether somebody answers at this address of an X server, as `:0` or `host:10.0`. */
export function displayAnswers(display) {
  const [, host, number] = /^(.*):(\d+)(?:\.\d+)?$/.exec(display) ?? []
  if (number === undefined) return Promise.resolve(false)
  const local = !host || host === 'unix'
  const socket = local ? connect(`/tmp/.X11-unix/X${number}`) : connect(6_000 + Number(number), host)
  return new Promise((resolve) => {
    const settle = (answers) => {
      socket.destroy()
      resolve(answers)
    }
    socket.setTimeout(2_000, () => settle(false))
    socket.once('connect', () => settle(true))
    socket.once('error', () => settle(false))
  })
}

/**
 * The programs of the WebKitGTK tests. `xvfb` may be missing where DISPLAY is set.
 * @returns {{ driver: string, browser: string, xvfb: string | undefined }}
 * @throws when one is missing; the message ends with the command that installs them
 */
export function findWebKit() {
  const driver = findProgram('WebKitWebDriver')
  const browser = miniBrowser()
  const xvfb = findProgram('Xvfb')
  const missing = [
    ...(driver ? [] : ['WebKitWebDriver']),
    ...(browser ? [] : ['MiniBrowser']),
    ...(xvfb || env.DISPLAY ? [] : ['Xvfb']),
  ]
  if (driver && browser && missing.length === 0) return { driver, browser, xvfb }
  throw new Error(`${missing.join(' and ')} not found; on Debian: ${installCommand}`)
}

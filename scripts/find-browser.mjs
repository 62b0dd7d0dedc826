// Finds a browser for the e2e tests: yours, then Playwright's, then the system's, then one download.
import { spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import playwright from 'playwright'

const { env, platform } = process
const root = fileURLToPath(new URL('..', import.meta.url))
const variables = { chromium: 'HOLDFAST_CHROMIUM', firefox: 'HOLDFAST_FIREFOX' }
const windowsRoots = [env.PROGRAMFILES, env['PROGRAMFILES(X86)'], env.LOCALAPPDATA].filter(Boolean)
const macRoots = ['/Applications', join(homedir(), 'Applications')]
const linuxRoots = [...(env.PATH ?? '').split(delimiter), '/usr/bin', '/usr/local/bin', '/snap/bin'].filter(Boolean)

/** Where a browser lives, in order of preference: a folder of each list with a name of each list. */
const places = {
  chromium: {
    linux: [linuxRoots, ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'microsoft-edge']],
    darwin: [
      macRoots,
      [
        'Google Chrome.app/Contents/MacOS/Google Chrome',
        'Chromium.app/Contents/MacOS/Chromium',
        'Microsoft Edge.app/Contents/MacOS/Microsoft Edge',
      ],
    ],
    win32: [
      windowsRoots,
      [
        'Google/Chrome/Application/chrome.exe',
        'Chromium/Application/chrome.exe',
        'Microsoft/Edge/Application/msedge.exe',
      ],
    ],
  },
  headlessShell: {
    linux: [linuxRoots, ['chromium-headless-shell']],
  },
  firefox: {
    linux: [linuxRoots, ['firefox-esr', 'firefox']],
    darwin: [macRoots, ['Firefox.app/Contents/MacOS/firefox']],
    win32: [windowsRoots, ['Mozilla Firefox/firefox.exe']],
  },
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

function ofPlaywright(name) {
  try {
    const path = playwright[name].executablePath()
    return path && existsSync(path) ? { executablePath: path, bundled: true } : undefined
  } catch {
    return undefined // Playwright has no build for this system.
  }
}

function ofSystem(name) {
  const [folders, names] = places[name][platform] ?? places[name].linux
  const path = names.flatMap((file) => folders.map((folder) => join(folder, file))).find(isExecutable)
  return path && { executablePath: path, bundled: false }
}

function isDebianLike() {
  try {
    return /^ID(_LIKE)?=.*(debian|ubuntu)/m.test(readFileSync('/etc/os-release', 'utf8'))
  } catch {
    return false
  }
}

/** The command that installs the browser on this system. */
export function installCommand(name) {
  if (platform === 'linux' && isDebianLike()) {
    return `sudo apt-get install -y ${name === 'firefox' ? 'firefox-esr' : name}`
  }
  return `npx playwright install ${name}`
}

function download(name) {
  console.log(`No ${name} found; trying: npx playwright install ${name} (3 minutes at most)`)
  const cli = join(root, 'node_modules', 'playwright', 'cli.js')
  spawnSync(process.execPath, [cli, 'install', name], { cwd: root, stdio: 'inherit', timeout: 180_000 })
  return ofPlaywright(name)
}

/** The Chromium for what needs no window: the headless shell that Debian has beside its Chromium, and else that. @throws as `findBrowser` */
export function findHeadlessChromium() {
  const whole = findBrowser('chromium')
  return (!env[variables.chromium] && !whole.bundled && ofSystem('headlessShell')) || whole
}

let downloadTried = false

/**
 * The browser to test with. `bundled` tells Playwright's own build from a stock browser.
 * Chromium is downloaded when there is none; Firefox is optional and never downloaded.
 * @param {'chromium' | 'firefox'} name
 * @returns {{ executablePath: string, bundled: boolean }}
 * @throws when there is none; the message ends with the command that installs one
 */
export function findBrowser(name) {
  const chosen = env[variables[name]]
  if (chosen) {
    if (isExecutable(chosen)) return { executablePath: chosen, bundled: false }
    throw new Error(
      `${variables[name]} is ${chosen}, which is not an executable file. Unset it, or: ${installCommand(name)}`,
    )
  }
  const found = ofPlaywright(name) ?? ofSystem(name)
  if (found) return found
  if (name === 'chromium' && !downloadTried) {
    downloadTried = true
    const downloaded = download(name)
    if (downloaded) return downloaded
  }
  throw new Error(`No ${name} found. Set ${variables[name]} to its path, or run: ${installCommand(name)}`)
}

import { spawn } from 'node:child_process'
import {
  appendFileSync,
  chownSync,
  closeSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePorts } from './free-ports.ts'

/** Where a box is being started. */
export interface Place<Door extends string> {
  /** Empty, its own, and gone when the box is stopped. */
  readonly folder: string
  /** Its configuration, filled in. */
  readonly config: string
  readonly ports: Readonly<Record<Door, number>>
  /** Ports of the hubs behind it, `hub1` first. */
  readonly hubs: Readonly<Record<string, number>>
}

/** How to start a program between client and hub. */
export interface BoxPlan<Door extends string> {
  /** A file of this folder. `{{folder}}`, `{{<door>}}` and `{{hub1}}` stand for the folder and the ports. */
  readonly template: string
  /** The ports on which it listens; each shows one behaviour. The first one passes plain requests on to the hub. */
  readonly doors: readonly [Door, ...Door[]]
  readonly args: (place: Place<Door>) => string[]
}

/** A program that runs between client and hub. */
export interface Box<Door extends string> {
  /** Where a client reaches the hub through this door. */
  url(door: Door): string
  port(door: Door): number
  /** Everything that the program has logged. */
  log(): string
  stop(): Promise<void>
}

/** A program that was started as root runs as nobody: none of these needs to be root. */
const NOBODY = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {}

/** How often other ports are tried: another process may take one before the program does. */
const ATTEMPTS = 3

/** Varnish has its configuration compiled first, which takes seconds on a busy machine. */
const SERVES_WITHIN_MS = 15_000

/** From the polite signal to the other one. */
const KILL_AFTER_MS = 5_000

/**
 * Starts the program in a temporary folder. Resolves when `reaches` says that a request through its first door came to the hub.
 * @throws with what the program said, when it ends or serves nothing
 */
export const startBox = async <Door extends string>(
  program: string,
  plan: BoxPlan<Door>,
  hubs: Readonly<Record<string, number>>,
  reaches: (url: string) => Promise<boolean>,
): Promise<Box<Door>> => {
  for (let attempt = 1; ; attempt++) {
    const box = await launch(program, plan, hubs)
    const givenUpAt = performance.now() + SERVES_WITHIN_MS
    while (box.runs() && performance.now() < givenUpAt) {
      if (await reaches(box.url(plan.doors[0]))) return box
    }
    const said = box.log()
    await box.stop()
    if (attempt === ATTEMPTS) throw new Error(`${program} does not serve:\n${said}`)
  }
}

interface Launched<Door extends string> extends Box<Door> {
  runs(): boolean
}

const launch = async <Door extends string>(
  program: string,
  { template, doors, args }: BoxPlan<Door>,
  hubs: Readonly<Record<string, number>>,
): Promise<Launched<Door>> => {
  const ports = await freePorts(doors)
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-box-'))
  const config = join(folder, template)
  const logFile = join(folder, 'log')
  const text = readFileSync(fileURLToPath(new URL(template, import.meta.url)), 'utf8')
  writeFileSync(config, fillIn(text, { folder, ...hubs, ...ports }))
  const log = openSync(logFile, 'a')
  if (NOBODY.uid) for (const path of [folder, config, logFile]) chownSync(path, NOBODY.uid, NOBODY.gid)
  const child = spawn(program, args({ folder, config, ports, hubs }), {
    cwd: folder,
    stdio: ['ignore', log, log],
    env: { PATH: process.env['PATH'], TMPDIR: folder },
    ...NOBODY,
  })
  closeSync(log)

  const cleanUp = (): void => rmSync(folder, { recursive: true, force: true })
  // Nothing is left behind, whatever way this process ends.
  const onExit = (): void => {
    child.kill('SIGKILL')
    cleanUp()
  }
  process.once('exit', onExit)
  let running = true
  const over = new Promise<void>((resolve) => {
    const end = (): void => {
      running = false
      process.off('exit', onExit)
      resolve()
    }
    child.once('exit', end)
    child.once('error', (error) => {
      appendFileSync(logFile, error.message)
      end()
    })
  })
  return {
    url: (door) => `http://127.0.0.1:${ports[door]}/realtime`,
    port: (door) => ports[door],
    log: () => readFileSync(logFile, 'utf8'),
    runs: () => running,
    stop: async () => {
      const force = setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MS)
      child.kill('SIGTERM')
      await over
      clearTimeout(force)
      cleanUp()
    },
  }
}

const fillIn = (text: string, values: Readonly<Record<string, string | number>>): string =>
  text.replace(/\{\{(\w+)\}\}/g, (_, name: string) => {
    const value = values[name]
    if (value === undefined) throw new Error(`the template asks for {{${name}}}, which nobody gave`)
    return String(value)
  })

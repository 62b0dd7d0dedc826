// @ts-check
import { byId, makeSvg, setText } from '../dom.js'

/** @typedef {import('../transports.js').TransportName} TransportName */
/** @typedef {import('../transports.js').TransportReport} TransportReport */
/** @typedef {import('./checker.js').Arrival} Arrival */
/** @typedef {{ element: SVGElement, endMs: number }} Mark */
/** @typedef {{ status: string, startMs: number, element: SVGRectElement }} Band */
/** @typedef {{ svg: SVGSVGElement, bands: SVGGElement, marks: SVGGElement, open: Band | null, kept: Mark[] }} Strip */

const pxPerSecond = 12
const shown = ['carrying', 'opening', 'probation']
const x = (/** @type {number} */ ms) => ((ms - startMs) / 1000) * pxPerSecond
const startMs = Date.now()

/**
 * A strip of time beside each rung: a band for what the transport was doing, a dot for each message that it brought, at the time when
 * it was published. Drawn once, then only moved.
 * @param {ReadonlyMap<TransportName, HTMLElement>} rungs
 */
export function createStrips(rungs) {
  const still = matchMedia('(prefers-reduced-motion: reduce)')
  /** @type {Map<TransportName, Strip>} */
  const strips = new Map()
  for (const [name, rung] of rungs) {
    const svg = makeSvg('svg', { class: 'strip', 'aria-hidden': 'true' })
    const bands = makeSvg('g', {})
    const marks = makeSvg('g', {})
    svg.append(bands, marks)
    rung.append(svg)
    strips.set(name, { svg, bands, marks, open: null, kept: [] })
  }
  let width = 0
  let height = 0
  let movedMs = 0
  const measure = () => {
    const first = strips.values().next().value
    width = first?.svg.clientWidth ?? 0
    height = first?.svg.clientHeight ?? 0
    setText(byId('axis-from', HTMLElement), `${Math.round(width / pxPerSecond)} s ago`)
  }
  const observer = new ResizeObserver(measure)
  for (const { svg } of strips.values()) observer.observe(svg)

  /** @param {number} nowMs */
  function move(nowMs) {
    movedMs = nowMs
    const shift = width - 8 - x(nowMs)
    for (const strip of strips.values()) {
      strip.bands.setAttribute('transform', `translate(${shift.toFixed(1)} 0)`)
      strip.marks.setAttribute('transform', `translate(${shift.toFixed(1)} ${height / 2})`)
      if (strip.open) stretch(strip.open, nowMs)
      const oldest = nowMs - (width / pxPerSecond + 2) * 1000
      while ((strip.kept[0]?.endMs ?? Infinity) < oldest) strip.kept.shift()?.element.remove()
    }
  }

  /**
   * @param {Band} band
   * @param {number} untilMs
   */
  function stretch(band, untilMs) {
    band.element.setAttribute('width', Math.max(2, x(untilMs) - x(band.startMs)).toFixed(1))
  }

  function frame() {
    const nowMs = Date.now()
    if (!still.matches || nowMs - movedMs >= 1000) move(nowMs)
    requestAnimationFrame(frame)
  }
  requestAnimationFrame(frame)

  return {
    /** @param {readonly TransportReport[]} reports */
    show(reports) {
      const nowMs = Date.now()
      for (const { name, status } of reports) {
        const strip = strips.get(name)
        if (!strip || strip.open?.status === status) continue
        if (strip.open) {
          stretch(strip.open, nowMs)
          strip.kept.push({ element: strip.open.element, endMs: nowMs })
          strip.open = null
        }
        if (!shown.includes(status)) continue
        const inset = status === 'carrying' ? 2 : 8
        const element = makeSvg('rect', {
          class: `band-${status}`,
          x: x(nowMs),
          y: inset,
          rx: 5,
          width: 2,
          height: `calc(100% - ${2 * inset}px)`,
        })
        strip.bands.append(element)
        strip.open = { status, startMs: nowMs, element }
      }
    },

    /**
     * @param {TransportName | null} through
     * @param {Arrival} arrival
     */
    message(through, { publishedMs, late }) {
      const strip = strips.get(through ?? 'poll')
      if (!strip) return
      const className = late ? 'message late' : 'message'
      const element = makeSvg('circle', { class: className, cx: x(publishedMs), cy: 0, r: late ? 3 : 2.6 })
      strip.marks.append(element)
      strip.kept.push({ element, endMs: Date.now() })
    },

    /** @param {import('holdfast').Fact} fact */
    fact({ kind, transport, timeMs }) {
      const strip = kind === 'end' && transport ? strips.get(transport) : undefined
      if (!strip) return
      const at = x(timeMs)
      const element = makeSvg('path', { class: 'ended', d: `M${at - 5} -5l10 10m0 -10l-10 10` })
      strip.marks.append(element)
      strip.kept.push({ element, endMs: timeMs })
    },
  }
}

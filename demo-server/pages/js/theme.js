// @ts-check
// Runs before the first paint, so that a chosen theme never flashes.
;(() => {
  const themes = /** @type {const} */ (['system', 'light', 'dark'])
  /** @returns {string | null} */
  const stored = () => {
    try {
      return localStorage.getItem('theme')
    } catch {
      return null // Storage can be forbidden.
    }
  }
  let at = Math.max(
    0,
    themes.findIndex((theme) => theme === stored()),
  )
  const show = () => {
    const theme = themes[at] ?? 'system'
    if (theme === 'system') delete document.documentElement.dataset['theme']
    else document.documentElement.dataset['theme'] = theme
    const button = document.getElementById('theme')
    const label = `Colours: ${theme === 'system' ? 'as the system' : theme}`
    button?.setAttribute('aria-label', label)
    button?.setAttribute('title', label)
    return theme
  }
  show()
  document.addEventListener('DOMContentLoaded', () => {
    show()
    document.getElementById('theme')?.addEventListener('click', () => {
      at = (at + 1) % themes.length
      const theme = show()
      try {
        localStorage.setItem('theme', theme)
      } catch {
        // The choice then lasts for this page only.
      }
    })
  })
})()

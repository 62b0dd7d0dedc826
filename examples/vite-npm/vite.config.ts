import { defineConfig } from 'vite'

// The demo server serves the result at /examples/vite-npm/. In a project of your own nothing here is needed.
export default defineConfig({
  base: './',
  build: { outDir: '../../dist-demo/examples/vite-npm', emptyOutDir: true, target: 'es2022' },
  server: { proxy: { '/realtime': { target: 'http://localhost:8080', ws: true } } },
})

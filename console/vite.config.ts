import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

/** Files go beside the compiled service, which serves them below `/console/` (src/platform/edge/console.ts). */
export default defineConfig({
  root: import.meta.dirname,
  base: '/console/',
  plugins: [react()],
  build: {
    outDir: '../dist/console',
    emptyOutDir: true,
    target: 'es2022',
    // The Content-Security-Policy allows images as data, but no scripts and no styles.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1500,
  },
});

import react from '@vitejs/plugin-react'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  plugins: [react()],
  // while developing, the API is that of a server started beside
  server: { proxy: { '/api': 'http://127.0.0.1:9411' } },
  // nothing inline: the content security policy forbids it
  build: { assetsInlineLimit: 0, modulePreload: { polyfill: false } },
  test: { environment: 'jsdom', include: ['src/**/*.test.{ts,tsx}'] },
})

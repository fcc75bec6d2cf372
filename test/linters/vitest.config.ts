import { fileURLToPath } from 'node:url';
import { defineConfig, type ViteUserConfig } from 'vitest/config';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** For `npm run test:linters`: the real linters, which Go builds on first use. */
const config: ViteUserConfig = defineConfig({
  root,
  resolve: { alias: { keelson: `${root}lib/index.ts` } },
  test: { include: ['test/linters/**/*.test.ts'], testTimeout: 60_000 },
});

export default config;

import { defineConfig, type ViteUserConfig } from 'vitest/config';

const root = new URL('../..', import.meta.url).pathname;

/** For `npm run test:yaml`, which needs Go. */
const config: ViteUserConfig = defineConfig({
  root,
  resolve: { alias: { keelson: `${root}lib/index.ts` } },
  test: { include: ['test/yaml/**/*.test.ts'] },
});

export default config;

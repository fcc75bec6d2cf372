import { defineConfig, type ViteUserConfig } from 'vitest/config';

const root = new URL('../..', import.meta.url).pathname;

/** For `npm run test:properties`: what the unit tests run too, with very many more runs. */
const config: ViteUserConfig = defineConfig({
  root,
  resolve: { alias: { keelson: `${root}lib/index.ts` } },
  test: {
    include: ['test/properties/**/*.test.ts'],
    env: { KEELSON_PROPERTY_RUNS: process.env['KEELSON_PROPERTY_RUNS'] ?? '100000' },
  },
});

export default config;

import { fileURLToPath } from 'node:url';
import { defineConfig, type ViteUserConfig } from 'vitest/config';

const root = fileURLToPath(new URL('../..', import.meta.url));
const runs = process.env['KEELSON_PROPERTY_RUNS'] || '100000';
const seed = process.env['KEELSON_PROPERTY_SEED'] || '1';
console.info(`KEELSON_PROPERTY_RUNS=${runs} KEELSON_PROPERTY_SEED=${seed}`);

/** For `npm run test:properties`: what the unit tests run too, with very many more runs. */
const config: ViteUserConfig = defineConfig({
  root,
  resolve: { alias: { keelson: `${root}lib/index.ts` } },
  test: {
    include: ['test/properties/**/*.test.ts'],
    env: { KEELSON_PROPERTY_RUNS: runs, KEELSON_PROPERTY_SEED: seed },
  },
});

export default config;

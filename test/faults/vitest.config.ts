import { fileURLToPath } from 'node:url';
import { defineConfig, type ViteUserConfig } from 'vitest/config';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** The agent under faults that are counted, one file after the other: KEELSON_FAULTS=short does a part of them. */
const config: ViteUserConfig = defineConfig({
  root,
  resolve: { alias: { keelson: `${root}lib/index.ts` } },
  test: {
    include: ['test/faults/**/*.test.ts'],
    globalSetup: ['test/faults/global-setup.ts'],
    fileParallelism: false,
    testTimeout: 1_200_000,
    hookTimeout: 120_000,
    teardownTimeout: 30_000,
  },
});

export default config;

import { fileURLToPath } from 'node:url';
import { defineConfig, type ViteUserConfig } from 'vitest/config';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** The agent at work: one cluster with a real node for all files, which run one after the other. */
const config: ViteUserConfig = defineConfig({
  root,
  resolve: { alias: { keelson: `${root}lib/index.ts` } },
  test: {
    include: ['test/e2e/**/*.test.ts'],
    globalSetup: ['test/e2e/global-setup.ts'],
    fileParallelism: false,
    testTimeout: 300_000,
    hookTimeout: 300_000,
    teardownTimeout: 30_000,
  },
});

export default config;

import { fileURLToPath } from 'node:url';
import { defineConfig, type ViteUserConfig } from 'vitest/config';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** The tests against a real Kubernetes: one cluster for all files, which run one after the other. */
const config: ViteUserConfig = defineConfig({
  root,
  resolve: { alias: { keelson: `${root}lib/index.ts` } },
  test: {
    include: ['test/cluster/**/*.test.ts'],
    globalSetup: ['test/cluster/global-setup.ts'],
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 180_000,
    teardownTimeout: 30_000,
  },
});

export default config;

import { fileURLToPath } from 'node:url';
import { defineConfig, type ViteUserConfig } from 'vitest/config';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** The agent at a real API server on which nothing else acts: the tests are kubelet, Keel and Kubernetes' controllers. */
const config: ViteUserConfig = defineConfig({
  root,
  resolve: { alias: { keelson: `${root}lib/index.ts` } },
  test: {
    include: ['test/api/**/*.test.ts'],
    globalSetup: ['test/faults/global-setup.ts'],
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 180_000,
    teardownTimeout: 30_000,
  },
});

export default config;

import { fileURLToPath } from 'node:url';
import { defineConfig, type ViteUserConfig } from 'vitest/config';
import { missingPulumi } from './engine.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/**
 * Programs as Pulumi resources: with Pulumi's mocks, and with its engine where that is there. Then every file has the
 * machine to itself.
 */
const config: ViteUserConfig = defineConfig({
  root,
  resolve: {
    alias: [
      { find: /^keelson$/, replacement: `${root}lib/index.ts` },
      { find: /^keelson\/pulumi$/, replacement: `${root}lib/pulumi/index.ts` },
    ],
  },
  test: {
    include: ['test/pulumi/**/*.test.ts'],
    globalSetup: ['test/pulumi/global-setup.ts'],
    fileParallelism: missingPulumi() !== undefined,
    testTimeout: 300_000,
    hookTimeout: 300_000,
    teardownTimeout: 30_000,
  },
});

export default config;

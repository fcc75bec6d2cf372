import { fileURLToPath } from 'node:url';
import { defineConfig, type ViteUserConfig } from 'vitest/config';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Programs as Pulumi resources: with Pulumi's mocks, and with its engine where that is there. */
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
    testTimeout: 60_000,
  },
});

export default config;

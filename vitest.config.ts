import { defineConfig, type ViteUserConfig } from 'vitest/config';

const config: ViteUserConfig = defineConfig({
  resolve: {
    alias: [
      { find: /^keelson$/, replacement: new URL('./lib/index.ts', import.meta.url).pathname },
      { find: /^keelson\/pulumi$/, replacement: new URL('./lib/pulumi/index.ts', import.meta.url).pathname },
    ],
  },
  test: {
    include: ['test/**/*.test.ts'],
    // Suites that need more than Node have a script and a configuration of their own.
    exclude: [
      'test/api/**',
      'test/cluster/**',
      'test/faults/**',
      'test/e2e/**',
      'test/yaml/**',
      'test/linters/**',
      'test/package/**',
      'test/pulumi/**',
    ],
  },
});

export default config;

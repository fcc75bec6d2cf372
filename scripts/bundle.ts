/**
 * Puts the compiled library into one file for each of its entries and one for what these share, and the reference app
 * with all that it needs into another, dist/apps/studio-go-runner/synth.js. Node takes longer to find and link their
 * modules than to run them.
 * Declarations stay as they are, one per module; the sources that the library's source map names are in the package,
 * too.
 */
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BuildOptions, build } from 'esbuild';

const directory = fileURLToPath(new URL('../dist/lib', import.meta.url));
const app = fileURLToPath(new URL('../dist/apps/studio-go-runner/synth.js', import.meta.url));

const common: BuildOptions = {
  allowOverwrite: true,
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'esm',
  logLevel: 'warning',
  // Without it, esbuild would take the library's sources by the paths of tsconfig.json.
  tsconfigRaw: {},
};

const entries = ['index.js', 'pulumi/index.js'];
await build({
  ...common,
  entryPoints: entries.map((entry) => join(directory, entry)),
  outdir: directory,
  splitting: true,
  chunkNames: 'shared-[hash]',
  packages: 'external',
  sourcemap: true,
  sourcesContent: false,
});
await build({
  ...common,
  entryPoints: [app],
  outfile: app,
  // cdk8s is CommonJS and requires modules of Node.
  banner: {
    js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
  },
});

for (const file of readdirSync(directory, { recursive: true, encoding: 'utf8' })) {
  const kept = file.startsWith('shared-') || entries.includes(file.replace(/\.map$/, ''));
  if (/\.js(\.map)?$/.test(file) && !kept) rmSync(join(directory, file));
}

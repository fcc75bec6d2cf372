/**
 * Puts the compiled library into one file: dist/lib/index.js. Node takes longer to find and link its seventy modules
 * than to run them. Declarations stay as they are, one per module; the sources that the source map names are in the
 * package, too.
 */
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const directory = fileURLToPath(new URL('../dist/lib', import.meta.url));
const entry = join(directory, 'index.js');

await build({
  entryPoints: [entry],
  outfile: entry,
  allowOverwrite: true,
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'esm',
  packages: 'external',
  sourcemap: true,
  sourcesContent: false,
  // Names of classes appear in messages.
  keepNames: true,
  logLevel: 'warning',
  // Without it, esbuild would take the library's sources by the paths of tsconfig.json.
  tsconfigRaw: {},
});

for (const file of readdirSync(directory, { recursive: true, encoding: 'utf8' })) {
  if (/\.js(\.map)?$/.test(file) && !/^index\.js/.test(file)) rmSync(join(directory, file));
}

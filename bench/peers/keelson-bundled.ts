import { join } from 'node:path';
import { build } from 'esbuild';
import { program } from '../tools.ts';
import { LAYOUTS, type Peer } from './peer.ts';

/**
 * The same program in one file, as one would ship it. It saves Node finding and compiling some hundred files,
 * which is most of what few pipelines cost; with many it makes no difference.
 */
export function keelsonBundled(): Peer {
  let bundle = '';
  return {
    id: 'keelson-bundled',
    title: 'keelson, bundled',
    layouts: LAYOUTS,
    limit: 10,
    async prepare(_workload, directory) {
      bundle = join(directory, 'keelson.cjs');
      await build({
        entryPoints: [program('keelson')],
        outfile: bundle,
        bundle: true,
        minify: true,
        platform: 'node',
        format: 'cjs',
        logLevel: 'error',
        // Without it, esbuild would take the library's sources by the paths of tsconfig.json.
        tsconfigRaw: {},
      });
      return undefined;
    },
    command: (pipelines, layout, outdir) => [process.execPath, bundle, String(pipelines), layout, outdir],
  };
}

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { KubernetesObject } from 'keelson';
import { literal } from '../literal.ts';
import { program } from '../tools.ts';
import { LAYOUTS, type Peer } from './peer.ts';

/** The same plain objects, stringified as JSON and written: what no program in Node can be faster than. */
export function limit(): Peer {
  let module = '';
  return {
    id: 'limit',
    title: 'limit: JSON.stringify',
    layouts: LAYOUTS,
    limit: Number.POSITIVE_INFINITY,
    async prepare(workload, directory) {
      const file = join(directory, 'objects.mjs');
      const part = (name: string, objects: readonly KubernetesObject[]): string =>
        `export const ${name} = (index) => ${literal(objects)};\n`;
      writeFileSync(
        file,
        part('platform', workload.platform) +
          part('platformPerPipeline', workload.platformPerPipeline) +
          part('pipeline', workload.pipeline),
      );
      module = pathToFileURL(file).href;
      return undefined;
    },
    command: (pipelines, layout, outdir) => [
      process.execPath,
      program('limit'),
      module,
      String(pipelines),
      layout,
      outdir,
    ],
  };
}

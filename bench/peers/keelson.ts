import { program } from '../tools.ts';
import { LAYOUTS, type Peer } from './peer.ts';

/** What is measured: the compiled library and the compiled reference pipeline. */
export const keelson: Peer = {
  id: 'keelson',
  title: 'keelson',
  layouts: LAYOUTS,
  limit: Number.POSITIVE_INFINITY,
  prepare: async () => undefined,
  command: (pipelines, layout, outdir) => [
    process.execPath,
    program('keelson'),
    String(pipelines),
    layout,
    outdir,
  ],
};

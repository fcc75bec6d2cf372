import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { KubernetesObject } from 'keelson';
import { countObjects, difference, readObjects } from './documents.ts';
import { least, measure, type Usage } from './measure.ts';
import type { Layout, Peer } from './peers/peer.ts';
import { objectCount, type Workload } from './workload.ts';

/** What one program took for one number of pipelines in one layout. */
export interface Cell extends Usage {
  readonly peer: string;
  readonly layout: Layout;
  readonly pipelines: number;
}

/** How many pipelines the comparison of all objects is made with. */
const COMPARED = 3;

/**
 * Proves that a peer makes the objects of the first one.
 *
 * @throws Error naming the first difference
 */
export async function compare(first: Peer, peer: Peer, directory: string): Promise<void> {
  for (const layout of peer.layouts) {
    const expected = await objects(first, layout, directory);
    const found = difference(expected, await objects(peer, layout, directory));
    if (found !== undefined) {
      throw new Error(
        `${peer.title} does not make the objects of ${first.title}, a file per ${layout}: ${found}`,
      );
    }
  }
}

async function objects(
  peer: Peer,
  layout: Layout,
  directory: string,
): Promise<Map<string, KubernetesObject>> {
  peer.prepareSize?.(COMPARED, layout);
  return run(peer, COMPARED, layout, directory, (_usage, outdir) => readObjects(outdir));
}

/**
 * Measures all peers with one number of pipelines in one layout. Each round runs every peer once, so that
 * a busy spell of the machine does not fall on one of them alone.
 *
 * @throws Error where a peer makes another number of objects
 */
export async function cells(
  peers: readonly Peer[],
  workload: Workload,
  pipelines: number,
  layout: Layout,
  runs: number,
  directory: string,
): Promise<Cell[]> {
  const able = peers.filter(({ layouts, limit }) => layouts.includes(layout) && pipelines <= limit);
  const usages = new Map<Peer, Usage[]>(able.map((peer) => [peer, []]));
  for (const peer of able) peer.prepareSize?.(pipelines, layout);
  for (let round = 0; round < runs; round++) {
    for (const peer of able) {
      const usage = await run(peer, pipelines, layout, directory, (used, outdir) => {
        if (round === 0) checkCount(peer, outdir, objectCount(workload, pipelines));
        return used;
      });
      usages.get(peer)?.push(usage);
    }
  }
  return able.map((peer) => ({ peer: peer.id, layout, pipelines, ...least(usages.get(peer) ?? []) }));
}

function checkCount(peer: Peer, outdir: string, expected: number): void {
  const count = countObjects(outdir);
  if (count !== expected) throw new Error(`${peer.title} made ${count} objects instead of ${expected}`);
}

async function run<T>(
  peer: Peer,
  pipelines: number,
  layout: Layout,
  directory: string,
  use: (usage: Usage, outdir: string) => T,
): Promise<T> {
  const parent = join(directory, 'out');
  mkdirSync(parent);
  try {
    const outdir = join(parent, 'manifests');
    return use(await measure(peer.command(pipelines, layout, outdir)), outdir);
  } finally {
    rmSync(parent, { recursive: true });
  }
}

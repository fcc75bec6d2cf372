import type { TestProject } from 'vitest/node';
import { provideCluster } from '../cluster/provide-cluster.ts';
import { programImages } from './images.ts';

/** The cluster, with every image that the program names. */
export default function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  return provideCluster(project, programImages());
}

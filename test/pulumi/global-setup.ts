import type { TestProject } from 'vitest/node';
import { provideCluster } from '../cluster/provide-cluster.ts';
import { programImages } from '../e2e/images.ts';
import { missingPulumi } from './engine.ts';

/** A cluster with a real node and every image that the program names, where there is a Pulumi to apply it. */
export default async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const missing = missingPulumi();
  if (missing === undefined) return provideCluster(project, programImages());
  project.provide('cluster', { missing });
  return undefined;
}

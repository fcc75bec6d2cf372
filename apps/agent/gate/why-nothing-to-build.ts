import { setTimeout as sleep } from 'node:timers/promises';
import { KeelsonAnnotations } from '../../../lib/kubernetes/labels.ts';
import { decide } from './decide.ts';
import type { GateParts } from './gate-parts.ts';
import type { RunningContainer } from './own-pod.ts';

/** How long a gate waits for the controller to say of which commit an image is. */
const IMAGE_MS = 10_000;
const POLL_MS = 500;

/** Why there is nothing to build in a pod of a Deployment; undefined where there is something. */
export async function whyNothingToBuild(
  { record, handOver, signal }: GateParts,
  { digest, pod }: RunningContainer,
): Promise<string | undefined> {
  const { annotations = {} } = pod.metadata;
  const before = {
    commit: annotations[KeelsonAnnotations.BUILT_COMMIT] || undefined,
    digest: annotations[KeelsonAnnotations.BUILT_DIGEST] || undefined,
  };
  for (const deadline = Date.now() + IMAGE_MS; ; ) {
    const decision = decide({ digest, before, ...(await record.read()) });
    if (decision.answer === 'skip') return decision.because;
    if (!decision.unsure || Date.now() > deadline) return handOver?.whyLiberated();
    await sleep(POLL_MS, undefined, { signal });
  }
}

import { type Ended, ended, failed, lost } from './ended.ts';
import type { GateParts } from './gate-parts.ts';
import { endOfContainer } from './own-pod.ts';

/** Records how the run has ended, where that is not recorded and the pod is to end. */
export async function recordEnd(parts: GateParts): Promise<void> {
  const { files, record } = parts;
  const own = await record.own();
  if (own === undefined || own.finishedAt !== undefined) return;
  const { digest } = own;
  const exitCode = await files.exitCode((await files.attempt()) ?? 0);
  const end = exitCode === undefined ? await cutShort(parts, digest) : ended(digest, exitCode);
  await record.advance(...end);
}

/** The container of a Job, which is not kept, may have ended without a word; a gate is told to end after it. */
async function cutShort({ client, pod, configuration, hold }: GateParts, digest: string): Promise<Ended> {
  const end = hold === undefined ? await endOfContainer(client, pod, configuration.container) : undefined;
  if (end === undefined) return lost(digest);
  const [phase, change] = failed(digest, `the build's container ended: ${end.reason ?? 'Error'}`);
  return [phase, { ...change, exitCode: end.exitCode }];
}

import { ending, type GateParts, nextAttempt, phaseOf, result } from './build-gate.ts';
import { containerOf, readOwnPod, runningDigest } from './own-pod.ts';

/**
 * The gate of a build that runs once: there is no Keel to hold back, and every run is wanted. The pod's container is not
 * kept, so that the gate is told to end as soon as it has.
 */
export async function serveJob(parts: GateParts): Promise<void> {
  const { client, pod, configuration, files, lease, record, services, log, signal } = parts;
  const kept = new AbortController();
  let keeping: Promise<void> | undefined;
  let digest: string | undefined;
  try {
    const attempt = await nextAttempt(parts, 0);
    await lease.take(signal);
    keeping = lease.keep(AbortSignal.any([signal, kept.signal]), () => services.start());
    ({ digest } = await runningDigest(client, pod, configuration.container, signal));
    if ((await files.answered())?.attempt !== attempt) {
      await services.start();
      await record.write('Starting', { digest });
      const problem = await services.whyNotUp(configuration.servicesTimeoutSeconds, signal);
      if (problem !== undefined) {
        await record.write('Failed', { digest, finishedAt: new Date().toISOString(), message: problem });
      } else {
        await record.write('Running', { digest, startedAt: new Date().toISOString() });
      }
      await files.answer(attempt, problem === undefined ? 'run' : 'fail');
    }
    const own = await record.own();
    if (own?.finishedAt === undefined) {
      const end = await ending(parts, attempt, own?.startedAt);
      if ('exitCode' in end) await record.write(phaseOf(end.exitCode), { digest, ...result(end.exitCode) });
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    kept.abort();
    await keeping;
    // Without the Lease nothing is this pod's to stop.
    if (keeping !== undefined) {
      if (digest !== undefined) await writeEnd(parts, digest);
      await services.stop();
      await lease.giveUp();
    } else log.info('ends before it has built');
  }
}

/** The result, where none was written: what the wrapper says, else how its container ended, else the pod is deleted. */
async function writeEnd(
  { client, pod, configuration, files, record }: GateParts,
  digest: string,
): Promise<void> {
  if ((await record.own())?.finishedAt !== undefined) return;
  const exitCode = await files.exitCode((await files.attempt()) ?? 0);
  if (exitCode !== undefined) {
    await record.write(phaseOf(exitCode), { digest, ...result(exitCode) });
    return;
  }
  const found = await readOwnPod(client, pod);
  const terminated = containerOf(found, configuration.container)?.state?.terminated;
  const finishedAt = new Date().toISOString();
  if (terminated !== undefined && found.metadata.deletionTimestamp === undefined) {
    const message = `the build's container ended: ${terminated.reason ?? 'Error'}`;
    await record.write('Failed', { digest, finishedAt, exitCode: terminated.exitCode, message });
  } else {
    await record.write('Lost', { digest, finishedAt, message: 'the pod went away' });
  }
}

import { fillTemplate } from '../../../../lib/agent/job-template.ts';
import type { ReleaseConfiguration } from '../../../../lib/agent/release.ts';
import type { ReleaseRun } from '../../../../lib/agent/status.ts';
import { type ImageBuild, type Ledger, type Request, request } from '../ledger.ts';
import type { LedgerStore } from '../ledger-store.ts';
import { buildId, templateValues } from '../names.ts';
import { targetOf } from '../pipeline.ts';
import type { ReleasedVersion } from './release-jobs.ts';
import type { Subject } from './subject.ts';

/** Who releases. */
export interface Releaser {
  readonly pipeline: string;
  readonly namespace: string;
  readonly ledger: LedgerStore;
}

/** Asks for the images of a release, once. True where that was new. */
export async function requestImages(
  { pipeline, namespace, ledger }: Releaser,
  release: ReleaseConfiguration,
  { branch, digest, outputs }: Subject,
  { url, commit, version }: ReleasedVersion,
): Promise<boolean> {
  const before = await ledger.read();
  const after = await ledger.change((now) => {
    const missing = release.images.filter(({ name }) => imageBuild(now, release, name, digest) === undefined);
    if (missing.length === 0) return now;
    const requests = missing.map((image): Request => {
      const part = `${release.name}/${image.name}`;
      const id = buildId({ namespace, pipeline, part, branch, commit, number: now.next, attempt: 1 });
      const values = templateValues({ url, branch, commit, version, id, digest, outputs });
      const target = targetOf(image.target, fillTemplate(image.target.tag, values));
      const { concurrency } = image;
      return {
        image: image.name,
        release: release.name,
        branch,
        commit,
        version,
        id,
        target,
        tested: digest,
        outputs,
        concurrency,
      };
    });
    return request(now, requests, new Date().toISOString());
  });
  return after !== before;
}

/** What has become of an image of a release; undefined while it is built. */
export function imageResult(
  ledger: Ledger,
  release: ReleaseConfiguration,
  image: string,
  digest: string,
): Pick<ReleaseRun, 'phase' | 'message'> | undefined {
  const build = imageBuild(ledger, release, image, digest);
  const message = build?.message === undefined ? {} : { message: build.message };
  switch (build?.phase) {
    case 'Succeeded':
    case 'Skipped':
      return { phase: build.phase, ...message };
    case 'Failed':
    case 'Superseded':
      return { phase: 'Failed', ...message };
    default:
      return undefined;
  }
}

function imageBuild(
  { builds }: Ledger,
  { name }: ReleaseConfiguration,
  image: string,
  digest: string,
): ImageBuild | undefined {
  return builds.findLast(
    (build) => build.release === name && build.image === image && build.tested === digest,
  );
}

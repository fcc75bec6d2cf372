import { createHash } from 'node:crypto';
import type { TemplateValues } from '../../../lib/agent/job-template.ts';
import { branchTag } from '../../../lib/image/tag.ts';

/** What a build is the build of; two that differ in any of it have different names. */
export interface Identity {
  /** The pipeline's namespace: names of pipelines may repeat. */
  readonly namespace: string;
  readonly pipeline: string;
  /** The image or the release's part. */
  readonly part: string;
  readonly branch: string;
  readonly commit: string;
  /** Counts what the pipeline was asked to build, so that a commit that comes back is another build. */
  readonly number: number;
  readonly attempt: number;
}

/** Longest names of the contract: 40 for the id, 63 for the namespace. */
const MAX_BRANCH = 29;
const MAX_VERSION = 15;

/** A DNS label of at most 40 characters, the same for the same build. */
export function buildId(identity: Identity): string {
  const { namespace, pipeline, part, branch, commit, number, attempt } = identity;
  const all = JSON.stringify([namespace, pipeline, part, branch, commit, number, attempt]);
  const hash = createHash('sha256').update(all).digest('hex').slice(0, 10);
  return `${shortLabel(branch, MAX_BRANCH)}-${hash}`;
}

/** The namespace in which a commit's image is built: `gw-VERSION-BRANCH-HASH`, at most 63 characters. */
export function commitNamespace(version: string, id: string): string {
  return `gw-${shortLabel(version, MAX_VERSION)}-${id}`;
}

/** The values of a commit's placeholders. */
export function templateValues(options: {
  readonly url: string;
  readonly branch: string;
  readonly commit: string;
  readonly version: string;
  readonly id: string;
  readonly digest?: string;
  readonly outputs?: string;
}): TemplateValues {
  const { url, branch, commit, version, id, digest = '', outputs = '' } = options;
  return {
    namespace: commitNamespace(version, id),
    url,
    branch,
    commit,
    version,
    id,
    'tag.branch': branchTag(branch),
    'tag.commit': commit.slice(0, 63),
    // A version may hold a plus sign, a tag may not.
    'tag.version': version.replaceAll('+', '_').slice(0, 128),
    digest,
    outputs,
  };
}

/** What of a text a DNS label may hold; the hash beside it tells texts apart. */
function shortLabel(text: string, most: number): string {
  const label = text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+/, '')
    .slice(0, most)
    .replace(/-+$/, '');
  return label === '' ? 'x' : label;
}

import { GitHubError } from './github-error.ts';

/** A release on GitHub. */
export interface ReleaseEntry {
  readonly id: number;
  readonly tagName: string;
  /** What the tag is made at where it is not there yet. */
  readonly commitish: string;
  readonly draft: boolean;
  readonly body: string;
  /** Its page. */
  readonly url: string;
  /** Where assets are sent, as a template. */
  readonly uploadUrl: string;
}

/** An asset of a release on GitHub. */
export interface AssetEntry {
  readonly id: number;
  readonly name: string;
  /** `uploaded`; anything else is what a failed upload left. */
  readonly state: string;
  readonly size: number;
  /** Undefined from servers that give none. */
  readonly digest: string | undefined;
}

/** Reads a release as the API has it. */
export function releaseEntry(value: unknown): ReleaseEntry {
  const found = record(value);
  const {
    id,
    tag_name: tagName,
    target_commitish: commitish,
    draft,
    body,
    html_url: url,
    upload_url: uploadUrl,
  } = found;
  if (typeof id !== 'number' || typeof tagName !== 'string' || typeof uploadUrl !== 'string') {
    throw unexpected('a release');
  }
  return {
    id,
    tagName,
    commitish: text(commitish),
    draft: draft === true,
    body: text(body),
    url: text(url),
    uploadUrl,
  };
}

/** Reads an asset as the API has it. */
export function assetEntry(value: unknown): AssetEntry {
  const { id, name, state, size, digest } = record(value);
  if (typeof id !== 'number' || typeof name !== 'string' || typeof size !== 'number')
    throw unexpected('an asset');
  return { id, name, state: text(state), size, digest: typeof digest === 'string' ? digest : undefined };
}

/** The fields of an object; none of anything else. */
export function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}

/** For an answer that is not what was asked for, as proxies give. */
export function unexpected(wanted: string): GitHubError {
  return new GitHubError(`GitHub answered with something that is no ${wanted}: check apiUrl`, true);
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

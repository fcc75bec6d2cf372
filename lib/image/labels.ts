import { placeholder } from '../agent/job-template.ts';
import { hidden, type Problem } from '../kubernetes/problem.ts';
import { isSecretName, literalSecretProblem } from '../kubernetes/secret-scan.ts';

/** The label by which the agent knows an image's commit. */
const REVISION = 'org.opencontainers.image.revision';
const SOURCE = 'org.opencontainers.image.source';

/**
 * What is written on an image of a commit.
 *
 * @see https://github.com/opencontainers/image-spec/blob/main/annotations.md#pre-defined-annotation-keys
 */
export function imageLabels(given: Readonly<Record<string, string>> = {}): Record<string, string> {
  return { [SOURCE]: placeholder('url'), ...given, [REVISION]: placeholder('commit') };
}

/** What is wrong with given labels. */
export function labelProblems(labels: Readonly<Record<string, string>> | undefined): Problem[] {
  return Object.entries(labels ?? {}).flatMap(([name, value]) => labelProblem(name, value) ?? []);
}

function labelProblem(name: string, value: unknown): Problem | undefined {
  const property = `labels.${name}`;
  if (!/^[A-Za-z0-9](?:[A-Za-z0-9._/-]*[A-Za-z0-9])?$/.test(name)) {
    return {
      property: 'labels',
      value: name,
      message: 'is not a valid name of a label',
      remedy: 'use letters, digits, ".", "-", "_" and "/", such as com.example.team',
    };
  }
  if (name === REVISION) {
    return {
      property,
      value: isSecretName(name) ? hidden : value,
      message: 'is set to the commit',
      remedy: 'leave it out',
    };
  }
  if (typeof value !== 'string') {
    return { property, value: hidden, message: 'is not a text', remedy: 'give the value as a string' };
  }
  const secret = literalSecretProblem(property, name, value);
  return secret && { ...secret, remedy: 'leave it out: whoever pulls the image can read its labels' };
}

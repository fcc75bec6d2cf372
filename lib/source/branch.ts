import { type Problem, problemsWhenKnown } from '../kubernetes/problem.ts';

/**
 * What is wrong with a branch name, by the rules of `git check-ref-format --branch`, and a length that
 * servers store. A name that git accepts is accepted, however hostile it looks: it is only ever data.
 *
 * @see https://git-scm.com/docs/git-check-ref-format
 */
export function branchProblems(property: string, name: string): Problem[] {
  return problemsWhenKnown(property, name, (value) => {
    const message = fault(value);
    const remedy = 'give the name of a branch as `git branch` prints it, without refs/heads/';
    return message === undefined ? [] : [{ property, value, message, remedy }];
  });
}

function fault(name: string): string | undefined {
  if (typeof name !== 'string' || name === '') return 'is empty';
  if (name.startsWith('refs/')) return 'is a full ref, not a branch';
  if (Buffer.byteLength(name) > 250) return 'is longer than 250 bytes';
  if (name === 'HEAD') return 'is not a branch: git gives that name another meaning';
  if (name.startsWith('-')) return 'starts with "-", which git takes for an option';
  if (/[\u0000-\u0020\u007f~^:?*[\\]/.test(name))
    return 'holds a character that git does not allow in a branch';
  if (name.includes('..') || name.includes('@{') || name.includes('//')) return 'holds "..", "@{" or "//"';
  if (name.startsWith('/') || name.endsWith('/') || name.endsWith('.'))
    return 'starts or ends with "/", or ends with "."';
  if (name.split('/').some((part) => part.startsWith('.') || part.endsWith('.lock'))) {
    return 'has a part that starts with "." or ends with ".lock"';
  }
  return undefined;
}

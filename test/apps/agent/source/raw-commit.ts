import { execFileSync } from 'node:child_process';

/** An entry of a tree, as wrong as a test wants it. */
export interface RawEntry {
  /** Such as 100644, 100755, 120000, 40000, 160000. */
  readonly mode: string;
  readonly name: string | Buffer;
  /** A blob's content, a tree's entries, or the name of an object that may be anywhere. */
  readonly content: string | Buffer | readonly RawEntry[] | { readonly object: string };
}

/** Writes a commit without parents whose tree git itself would perhaps not write, and points a branch at it. */
export function rawCommit(directory: string, branch: string, entries: readonly RawEntry[]): string {
  const tree = writeTree(directory, entries);
  const commit = writeObject(
    directory,
    'commit',
    Buffer.from(
      `tree ${tree}\nauthor T <t@example.com> 1700000000 +0000\ncommitter T <t@example.com> 1700000000 +0000\n\nraw\n`,
    ),
  );
  execFileSync('git', ['update-ref', `refs/heads/${branch}`, commit], { cwd: directory });
  return commit;
}

/** Writes a tree object. */
export function writeTree(directory: string, entries: readonly RawEntry[]): string {
  const parts = entries.map(({ mode, name, content }) => [
    Buffer.from(`${mode} `),
    Buffer.from(name as string),
    Buffer.from([0]),
    Buffer.from(objectOf(directory, content), 'hex'),
  ]);
  return writeObject(directory, 'tree', Buffer.concat(parts.flat()));
}

function objectOf(directory: string, content: RawEntry['content']): string {
  if (typeof content === 'string' || Buffer.isBuffer(content)) {
    return writeObject(directory, 'blob', Buffer.from(content as string));
  }
  return 'object' in content ? content.object : writeTree(directory, content);
}

/** Writes an object of any content. */
export function writeObject(directory: string, type: 'blob' | 'tree' | 'commit', content: Buffer): string {
  const args = ['hash-object', '-w', '--literally', '--stdin', '-t', type];
  return execFileSync('git', args, { cwd: directory, input: content, encoding: 'utf8' }).trim();
}

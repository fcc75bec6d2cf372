import { ArchiveError } from './archive-error.ts';

/** What Linux takes for one name, and for a path less what the directory before it may need. */
const MAX_NAME_BYTES = 255;
const MAX_PATH_BYTES = 4096 - 256;

/** What is wrong with a relative path that a stranger chose, or undefined. */
export function pathFault(path: string): string | undefined {
  if (path.startsWith('/')) return 'has an absolute path';
  if (Buffer.byteLength(path) > MAX_PATH_BYTES) return `has a path of more than ${MAX_PATH_BYTES} bytes`;
  if (/[\p{Cc}\p{Zl}\p{Zp}]/u.test(path)) return 'has a control character in its name';
  // What stands for bytes that are not UTF-8: two such names would become one.
  if (path.includes('\ufffd')) return 'has a name that is not UTF-8';
  const parts = path.split('/');
  if (parts.includes('..')) return 'leads out of its directory by ".."';
  if (parts.some((part) => Buffer.byteLength(part) > MAX_NAME_BYTES)) {
    return `has a name of more than ${MAX_NAME_BYTES} bytes`;
  }
  return undefined;
}

/**
 * The path of an archive's entry: relative, without empty and `.` parts, and so empty for the root itself.
 *
 * @throws ArchiveError where the name is refused
 */
export function entryPath(name: string): string {
  const fault = pathFault(name);
  if (fault !== undefined) throw ArchiveError.ofEntry(name, fault);
  return name
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .join('/');
}

/** Whether the path is git's own directory, at any depth, or lies in one. */
export function isInGitDirectory(path: string): boolean {
  return path.split('/').some((part) => part.toLowerCase() === '.git');
}

/**
 * What is wrong with a symbolic link, or undefined where it stays in the tree, whatever other links do: it climbs only
 * at its start, from its own directory, which is no link, and not higher than the root. What it then goes down through
 * are directories, and links of which the same holds.
 */
export function linkFault(path: string, target: string): string | undefined {
  if (target === '') return 'is a symbolic link to nothing';
  if (target.startsWith('/')) return 'is a symbolic link to an absolute path';
  const parts = target.split('/').filter((part) => part !== '' && part !== '.');
  const climbs = parts.findIndex((part) => part !== '..');
  const below = climbs === -1 ? [] : parts.slice(climbs);
  const fault = pathFault(below.join('/'));
  if (fault !== undefined) return `is a symbolic link whose target ${fault}`;
  if (parts.length - below.length > path.split('/').length - 1) {
    return 'is a symbolic link that leads out of the tree';
  }
  if (isInGitDirectory(target)) return 'is a symbolic link into .git';
  return undefined;
}

import { lstatSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** A new directory that is gone after the test. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'keelson-test-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** What is in a directory: files with their content, links with `-> target`, directories with `/`. */
export function contentOf(directory: string, below = ''): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of readdirSync(join(directory, below)).sort()) {
    const path = below === '' ? name : `${below}/${name}`;
    const status = lstatSync(join(directory, path));
    if (status.isSymbolicLink()) found[path] = `-> ${readlinkSync(join(directory, path))}`;
    else if (status.isDirectory()) {
      found[`${path}/`] = '';
      Object.assign(found, contentOf(directory, path));
    } else if (status.isFile()) found[path] = readFileSync(join(directory, path), 'utf8');
    else found[path] = 'something else';
  }
  return found;
}

// Runs main.ts of each folder below the working directory, in that folder, one after the other in this one process:
// the library is loaded once.
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const root = process.cwd();
const failed: string[] = [];
for (const name of readdirSync(root).filter((entry) => /^\d+$/.test(entry))) {
  process.chdir(join(root, name));
  try {
    await import(pathToFileURL(join(root, name, 'main.ts')).href);
    if (process.exitCode !== undefined) failed.push(`${name}: it ended with exit code ${process.exitCode}`);
  } catch (error) {
    failed.push(`${name}: ${error}`);
  }
  process.exitCode = undefined;
}
// Programs print what they like.
writeFileSync(join(root, 'failed.json'), JSON.stringify(failed));

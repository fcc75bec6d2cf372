/**
 * What a Node program can't go below: it has the objects as literals, and only fills in the index,
 * stringifies and writes.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import type { PlainModule, PlainObject } from './plain-module.ts';

const [module = '', count = '1', layout = 'object', outdir = 'out'] = process.argv.slice(2);
const { platform, platformPerPipeline, pipeline } = (await import(module)) as PlainModule;
const write = layout === 'pipeline' ? writeOne : writeEach;

mkdirSync(outdir, { recursive: true });
const shared: PlainObject[] = platform(0);
for (let index = 0; index < Number(count); index++) {
  write(`${outdir}/p-${index}`, pipeline(index));
  shared.push(...platformPerPipeline(index));
}
write(`${outdir}/platform`, shared);

/** JSON is YAML, but several documents in one file need the separator. */
function writeOne(path: string, objects: readonly PlainObject[]): void {
  writeFileSync(`${path}.yaml`, `${objects.map((object) => JSON.stringify(object)).join('\n---\n')}\n`);
}

function writeEach(path: string, objects: readonly PlainObject[]): void {
  mkdirSync(path);
  for (const [index, object] of objects.entries()) {
    writeFileSync(`${path}/${index}-${object.kind}-${object.metadata.name}.yaml`, JSON.stringify(object));
  }
}

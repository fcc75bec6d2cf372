import type { IConstruct } from 'constructs';
import { Notes } from '../kubernetes/notes.ts';
import type { NodeFile } from '../registry/registry.ts';
import type { OutputFile } from './output.ts';

const NODE_FILES = new Notes<NodeFile>();

/** Has files for the set-up of nodes written, outside of the manifests. */
export function declareNodeFiles(construct: IConstruct, files: readonly NodeFile[]): void {
  for (const file of files) NODE_FILES.add(construct, file);
}

/** The files that a construct declared. */
export function nodeFilesOf(construct: IConstruct): OutputFile[] {
  return NODE_FILES.of(construct).map(({ file, content }) => ({ path: file, content }));
}

import type { IConstruct } from 'constructs';
import type { NodeFile } from '../registry/registry.ts';
import type { OutputFile } from './output.ts';

const NODE_FILES = 'keelson.dev/node-files';

/** Has files for the set-up of nodes written, outside of the manifests. */
export function declareNodeFiles(construct: IConstruct, files: readonly NodeFile[]): void {
  if (files.length > 0) construct.node.addMetadata(NODE_FILES, files);
}

/** The files that a construct declared. */
export function nodeFilesOf(construct: IConstruct): OutputFile[] {
  const declared = construct.node.metadata.filter(({ type }) => type === NODE_FILES);
  return declared.flatMap(({ data }) =>
    (data as NodeFile[]).map(({ file, content }) => ({ path: file, content })),
  );
}

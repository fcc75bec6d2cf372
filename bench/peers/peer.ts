import type { Workload } from '../workload.ts';

/** One file per pipeline, or one file per object in a folder per pipeline. */
export const LAYOUTS = ['pipeline', 'object'] as const;
export type Layout = (typeof LAYOUTS)[number];

/** A program that makes the objects of the workload. */
export interface Peer {
  /** Its key in results. */
  readonly id: string;
  readonly title: string;
  /** The layouts that it is measured in. */
  readonly layouts: readonly Layout[];
  /** The most pipelines that it is measured with. */
  readonly limit: number;
  /** Builds and generates what it needs in a directory of its own, or says why it can't run. */
  prepare(workload: Workload, directory: string): Promise<Skipped | undefined>;
  /** What depends on the number of pipelines. It is not measured. */
  prepareSize?(pipelines: number, layout: Layout): void;
  command(pipelines: number, layout: Layout, outdir: string): readonly string[];
}

export interface Skipped {
  readonly skipped: string;
}

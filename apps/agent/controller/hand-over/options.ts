import type { BuildConfiguration, HandOverConfiguration } from '../../../../lib/agent/configuration.ts';

/** A build that hands over. */
export type HandOverBuild = BuildConfiguration & { readonly handOver: HandOverConfiguration };

/** A build that hands over, in its pipeline. */
export interface HandOverOptions {
  /** The pipeline's name. */
  readonly pipeline: string;
  /** The pipeline's namespace. */
  readonly home: string;
  readonly build: HandOverBuild;
  /** Called when a result has come to the pipeline's namespace. */
  readonly resultTaken: () => void;
  /** Ends what is being done. */
  readonly signal: AbortSignal;
}

/** What it takes to bring a build's results home. */
export type ResultsOptions = Pick<HandOverOptions, 'pipeline' | 'home' | 'resultTaken'> & {
  readonly build: Pick<BuildConfiguration, 'statusConfigMap'>;
};

/** The builds that hand over. */
export function handsOver(build: BuildConfiguration): build is HandOverBuild {
  return build.handOver !== undefined;
}

/** A Kubernetes object as a literal. */
export interface PlainObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
}

/** The generated module of the limit: the objects of the workload for a pipeline's index. */
export interface PlainModule {
  /** The platform's objects, whatever the number of pipelines; the index has no meaning. */
  readonly platform: (index: number) => PlainObject[];
  /** What each pipeline adds to the platform's objects. */
  readonly platformPerPipeline: (index: number) => PlainObject[];
  /** The objects of a pipeline itself. */
  readonly pipeline: (index: number) => PlainObject[];
}

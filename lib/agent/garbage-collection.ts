/** The variable with the plan, which the controller tells the program that deletes from a registry. */
export const PLAN_VARIABLE = 'KEELSON_PLAN';
/** The key of the plan in the ConfigMap. Where it is missing, the pod that deletes waits. */
export const PLAN_KEY = 'plan.json';
/** The container that deletes what is old. */
export const PRUNE_CONTAINER = 'prune';
/** The container that collects what nothing refers to: the registry's own program. */
export const COLLECT_CONTAINER = 'collect';

/** How a registry's garbage is collected. */
export interface GarbageCollectionConfiguration {
  /** The registry's host and port, as in the targets of images. */
  readonly host: string;
  /** The registry's namespace. */
  readonly namespace: string;
  /** The registry's Deployment. */
  readonly deployment: string;
  /** The Deployment that collects, and the ConfigMap with its plan. */
  readonly collector: string;
  /** How long after one collection the next one is. */
  readonly everySeconds: number;
  /** How many images of commits are kept for each tag. */
  readonly keepPerBranch: number;
  /** For how long the registry may be away. */
  readonly timeoutSeconds: number;
}

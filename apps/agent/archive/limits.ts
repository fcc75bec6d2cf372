/** What a tree may hold at most. */
export interface TreeLimits {
  /** The bytes of its files, as their sizes say: a hole of a sparse file counts. */
  readonly maxBytes: number;
  /** Its files, directories and links. */
  readonly maxEntries: number;
}

/** Below the 10Gi at which the kubelet evicts the pod, so that there is an error that says why. */
export const DEFAULT_LIMITS: TreeLimits = { maxBytes: 9 * 1024 ** 3, maxEntries: 500_000 };

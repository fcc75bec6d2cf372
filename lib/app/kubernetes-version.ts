import type { IConstruct } from 'constructs';

/** The oldest Kubernetes minor that is emitted for: native sidecars and admission policies are in it. */
export const OLDEST_MINOR = 30;

const CONTEXT_KEY = 'keelson.dev/kubernetes-minor';

/** Notes the version for everything below a construct. */
export function setKubernetesMinor(root: IConstruct, minor: number): void {
  root.node.setContext(CONTEXT_KEY, minor);
}

/** The minor version of the oldest Kubernetes that has to accept what a construct makes. */
export function kubernetesMinorOf(construct: IConstruct): number {
  const minor: unknown = construct.node.tryGetContext(CONTEXT_KEY);
  return typeof minor === 'number' ? minor : OLDEST_MINOR;
}

/** Reads `1.NN`, or gives undefined for anything else. */
export function parseMinor(version: string): number | undefined {
  if (typeof version !== 'string') return undefined;
  const minor = /^1\.([1-9][0-9]?)$/.exec(version)?.[1];
  return minor === undefined ? undefined : Number(minor);
}

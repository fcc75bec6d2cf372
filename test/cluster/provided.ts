import { inject } from 'vitest';
import type { ClusterNode } from './cluster.ts';

/** What the global set-up tells the test files; plain values, for it runs in another process. */
export interface Provided {
  /** The API server to test with, and its version. */
  readonly api?: { readonly kubeconfig: string; readonly version: string; readonly auditLog?: string };
  /** The real node, where there is one. */
  readonly node?: ClusterNode;
  /** What this machine lacks for the parts that are not there, and how to get it. */
  readonly missing?: string;
}

declare module 'vitest' {
  interface ProvidedContext {
    cluster: Provided;
  }
}

const cluster = inject('cluster');

/** For `describe.skipIf`, and what goes into the suite's name so that a skipped suite says why. */
export const withoutApi: boolean = cluster.api === undefined;
export const withoutNode: boolean = cluster.node === undefined;
export const missing: string = cluster.missing === undefined ? '' : ` (missing: ${cluster.missing})`;

/** The API server under test; only for suites that are skipped without one. */
export function testApi(): NonNullable<Provided['api']> {
  if (!cluster.api) throw new Error(`no API server${missing}`);
  return cluster.api;
}

/** The node under test; only for suites that are skipped without one. */
export function testNode(): ClusterNode {
  if (!cluster.node) throw new Error(`no node${missing}`);
  return cluster.node;
}

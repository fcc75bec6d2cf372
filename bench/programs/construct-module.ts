import type { k8s } from 'cdk8s-plus-27';
import type { Construct } from 'constructs';

/** The props of an object's class, or a whole object. */
export interface Props {
  readonly metadata: { readonly name: string; readonly namespace?: string };
}

/** A class of cdk8s-plus such as `k8s.KubeDeployment`. */
export type KubeClass = new (scope: Construct, id: string, props: Props) => Construct;

/** A class and its props; without a class, a whole object for an ApiObject. */
export type ConstructOf = readonly [construct: KubeClass | undefined, props: Props];

type Constructs = (index: number, library: typeof k8s) => ConstructOf[];

/** The generated module of the cdk8s-plus peer, of the same parts as the limit's. */
export interface ConstructModule {
  readonly platform: Constructs;
  readonly platformPerPipeline: Constructs;
  readonly pipeline: Constructs;
}

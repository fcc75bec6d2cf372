import { createRequire } from 'node:module';
import type { CustomResource, CustomResourceOptions } from '@pulumi/pulumi';
import type { KubernetesObject } from '../app/render.ts';

type Kubernetes = typeof import('@pulumi/kubernetes');

let loaded: Kubernetes | undefined;

/** @pulumi/kubernetes. It loads each of its classes when that is first used, which an import would do with all of them. */
export function kubernetes(): Kubernetes {
  loaded ??= createRequire(import.meta.url)('@pulumi/kubernetes') as Kubernetes;
  return loaded;
}

/** Registers an object: by the class of its kind, or as a CustomResource where there is none. */
export function register(
  name: string,
  object: KubernetesObject,
  options: CustomResourceOptions,
): CustomResource {
  const Kind = kindClass(object) ?? kubernetes().apiextensions.CustomResource;
  return new Kind(name, object, options);
}

type KindClass = {
  new (name: string, args: object, options: CustomResourceOptions): CustomResource;
  readonly __pulumiType: string;
};

/** Groups are folders by the first part of their names: `rbac` for `rbac.authorization.k8s.io`. */
function kindClass({ apiVersion, kind }: KubernetesObject): KindClass | undefined {
  const [group = '', version = ''] = apiVersion.includes('/') ? apiVersion.split('/') : ['core', apiVersion];
  const folder = member(kubernetes(), group.split('.')[0] ?? '');
  const found = member(member(folder, version), kind) as KindClass | undefined;
  return found?.__pulumiType === `kubernetes:${group}/${version}:${kind}` ? found : undefined;
}

function member(of: unknown, name: string): unknown {
  return typeof of === 'object' && of !== null && Object.hasOwn(of, name) ? Reflect.get(of, name) : undefined;
}

import {
  ComponentResource,
  type ComponentResourceOptions,
  type CustomResource,
  type CustomResourceOptions,
  log,
  type Output,
  output,
  type Resource,
} from '@pulumi/pulumi';
import { ApiObject } from 'cdk8s';
import { KeelsonApp, type KeelsonAppProps } from '../app/keelson-app.ts';
import { type CheckedObject, checkedObjects } from '../app/objects.ts';
import type { KubernetesObject } from '../app/render.ts';
import { runsWithBuild } from '../kubernetes/runs-with-build.ts';
import { OUTPUTS } from './as-string.ts';
import { withOutputs } from './inputs.ts';
import { knownProblems } from './known-problems.ts';
import { register } from './kubernetes.ts';
import { Order } from './order.ts';
import { type Prepared, prepare } from './prepare.ts';
import { kubernetesProvider } from './provider.ts';
import { warnOfSecretsOutside } from './secrets-outside.ts';

/** Arguments of {@link KeelsonComponent}. */
export interface KeelsonComponentArgs<T>
  extends Pick<KeelsonAppProps, 'kubernetesVersion' | 'imageRegistry' | 'transform'> {
  /**
   * Makes the constructs, as it does for manifests. What it returns is {@link KeelsonComponent.made}.
   */
  readonly program: (app: KeelsonApp) => T;
  /**
   * Pulumi's options of a resource: `aliases` of an object that was another component's, `protect`,
   * `ignoreChanges`, `retainOnDelete` and so on. They add to those that the component gives. The name is that of the
   * resource after the component's, such as `ci-go-runner/build`. A text that is an Output is what `asString` has made.
   * @default - none
   */
  readonly resourceOptions?: (
    object: KubernetesObject,
    source: ApiObject,
    name: string,
  ) => CustomResourceOptions | undefined;
  /**
   * Whether `pulumi up` goes on without waiting for anything to be ready.
   * @default false, which waits for the Deployments that run all the time: controller, registry, cache, Keel
   */
  readonly skipAwait?: boolean;
}

/** A class of `@pulumi/kubernetes`, such as `kubernetes.apps.v1.Deployment`. */
export interface ResourceClass<R extends CustomResource> {
  /** Tells its instances from others. */
  isInstance(value: unknown): value is R;
}

/**
 * The objects of a construct tree as Pulumi resources, one for each, of the class of its kind.
 *
 * A resource is named after the component, the object's namespace and the object, such as `ci/ci-go-runner/build`, so
 * that a URN stays the same whatever is added, moved or reordered. Where the name is an Output, the construct's path
 * takes its place.
 *
 * Without a provider of `opts` or of its parent, it makes a {@link kubernetesProvider} of its own.
 *
 * @throws SynthesisError with every problem of the program at once; no object is registered then
 * @example
 * const ci = new KeelsonComponent('ci', {
 *   program: (app) => {
 *     const platform = new Platform(app, 'platform', { registry });
 *     return new Pipeline(app, 'my-project', { platform, source });
 *   },
 * });
 * const namespace = ci.text(ci.made.namespaceName);
 */
export class KeelsonComponent<T = unknown> extends ComponentResource {
  /** What the program returned. */
  readonly made: T;
  /** The app that the program was given, for `expectedSecrets`, `imagesOf` and the like. */
  readonly app: KeelsonApp;
  readonly #resources = new Map<ApiObject, CustomResource>();

  constructor(name: string, args: KeelsonComponentArgs<T>, opts: ComponentResourceOptions = {}) {
    super('keelson:index:KeelsonComponent', name, {}, opts);
    const { program, resourceOptions, skipAwait = false, ...props } = args;
    this.app = new KeelsonApp({ ...props, resolvers: [OUTPUTS] });
    this.made = program(this.app);
    const { objects, warnings } = checkedObjects(this.app);
    const prepared = prepare(objects, skipAwait);
    for (const warning of warnings) void log.warn(warning, this);
    // One that is given, to the component or to what it is in, is handed on by Pulumi itself.
    const given = this.getProvider('kubernetes:core/v1:Namespace');
    const provider = given === undefined ? kubernetesProvider(name, {}, { parent: this }) : undefined;
    this.#register(name, prepared, ({ object, source }, resourceName) => ({
      parent: this,
      ...(provider !== undefined && { provider }),
      ...resourceOptions?.(object, source, resourceName),
    }));
    const asleep = prepared.filter(({ checked }) => runsWithBuild(checked.source)).map((one) => one.name);
    if (asleep.length > 0 && !skipAwait) {
      void log.info(
        `not waited for, as they run when there is something to build: ${asleep.join(', ')}`,
        this,
      );
    }
    this.registerOutputs({});
  }

  /** The resources, in the order in which they are applied. */
  get resources(): readonly CustomResource[] {
    return [...this.#resources.values()];
  }

  /**
   * The resource of an object.
   *
   * @param object the object, such as `build.deployment`
   * @throws Error where the program has no such object
   */
  resource(object: ApiObject): CustomResource;
  /**
   * The resource of an object, typed.
   *
   * @param object the object, such as `build.deployment`
   * @param type its class, such as `kubernetes.apps.v1.Deployment`
   * @throws Error where the program has no such object, or it is of another kind
   * @example
   * const { status } = ci.resource(ci.made.build.deployment, kubernetes.apps.v1.Deployment);
   */
  resource<R extends CustomResource>(object: ApiObject, type: ResourceClass<R>): R;
  resource(object: ApiObject, type?: ResourceClass<CustomResource>): CustomResource {
    const path = ApiObject.isApiObject(object) ? object.node.path : String(object);
    const found = this.#resources.get(object);
    if (found === undefined) {
      throw new Error(`${path}: is no object of this component; give an ApiObject that its program has made`);
    }
    if (type !== undefined && !type.isInstance(found)) {
      throw new Error(`${path}: is a ${object.kind} of ${object.apiVersion}; give the class of that kind`);
    }
    return found;
  }

  /**
   * What a construct says as a text, with the values of Outputs in it: a namespace, an address, the name of an image.
   *
   * @param text such as `pipeline.namespaceName`
   */
  text(text: string): Output<string> {
    return output(withOutputs(text) as Output<string>);
  }

  #register(component: string, prepared: readonly Prepared[], optionsOf: OptionsOf): void {
    const order = new Order();
    const looked = knownProblems(this.app, prepared);
    for (const { checked, name, inputs } of prepared) {
      const { dependsOn, ...options } = optionsOf(checked, name);
      const resource = register(`${component}/${name}`, inputs, {
        ...options,
        dependsOn: after(looked, order.before(checked), dependsOn),
      });
      void warnOfSecretsOutside(checked.source.node.path, inputs, resource);
      order.add(checked, resource);
      this.#resources.set(checked.source, resource);
    }
  }
}

type OptionsOf = (checked: CheckedObject, name: string) => CustomResourceOptions;
type Dependencies = NonNullable<CustomResourceOptions['dependsOn']>;

function after(
  looked: Promise<unknown> | undefined,
  before: readonly Resource[],
  given: Dependencies | undefined,
): Dependencies {
  if (looked === undefined && given === undefined) return [...before];
  return output([looked, given ?? []] as const).apply(([, more]) => [...before, ...[more].flat()]);
}

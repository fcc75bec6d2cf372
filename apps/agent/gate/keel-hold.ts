import { KeelsonAnnotations } from '../../../lib/kubernetes/labels.ts';
import type { Kubernetes } from '../kubernetes/client.ts';
import { hasStatus, KubernetesError } from '../kubernetes/errors.ts';
import type { Reference } from '../kubernetes/resources.ts';
import type { Log } from '../observe/log.ts';

const POLICY = 'keel.sh/policy';
const NEVER = 'never';

/**
 * Holds Keel back from a Deployment: an annotation over the policy in its labels. It is removed again, and no policy is
 * ever written, because Keel takes policy and matchTag from one map only.
 */
export class KeelHold {
  readonly #client: Kubernetes;
  readonly #deployment: Reference;
  readonly #log: Log;

  constructor(
    client: Kubernetes,
    deployment: { readonly namespace: string; readonly name: string },
    log: Log,
  ) {
    this.#client = client;
    this.#deployment = { apiVersion: 'apps/v1', kind: 'Deployment', ...deployment };
    this.#log = log;
  }

  /** The annotations of the Deployment. */
  async annotations(): Promise<Readonly<Record<string, string>>> {
    const found = await this.#client.getMetadata(this.#deployment);
    if (found !== undefined) return found.metadata.annotations ?? {};
    const { namespace, name } = this.#deployment;
    const body = { message: 'is gone' };
    throw new KubernetesError(`the Deployment ${namespace}/${name}`, { status: 404, body });
  }

  /**
   * Holds Keel back.
   *
   * @param asks the pod that asks for the next listener, where the build hands over
   */
  async hold(asks?: string): Promise<void> {
    const annotations = {
      [POLICY]: NEVER,
      ...(asks !== undefined && { [KeelsonAnnotations.HAND_OVER]: asks }),
    };
    await this.#client.patch(this.#deployment, { metadata: { annotations } });
  }

  /**
   * Holds Keel back where it is not any more: without an admission policy that keeps Keel from it, Keel may erase a hold
   * that was made between its reading and its writing.
   */
  async holdAgain(): Promise<void> {
    if ((await this.annotations())[POLICY] === NEVER) return;
    this.#log.warn('the hold is not there, and is made again');
    await this.hold();
  }

  /** Lets Keel go again. A policy that is not the gate's stays. */
  async release(): Promise<void> {
    const { namespace = '', name, apiVersion, kind } = this.#deployment;
    const path = await this.#client.pathOf({ apiVersion, kind, metadata: { namespace, name } });
    const annotation = `/metadata/annotations/${POLICY.replace('/', '~1')}`;
    const body = [
      { op: 'test', path: annotation, value: NEVER },
      { op: 'remove', path: annotation },
    ];
    const contentType = 'application/json-patch+json';
    await this.#client.request({ method: 'PATCH', path, body, contentType }).catch(async (error: unknown) => {
      // The test has failed, unless something else was refused.
      if (!hasStatus(error, 422) || (await this.annotations())[POLICY] === NEVER) throw error;
    });
  }
}

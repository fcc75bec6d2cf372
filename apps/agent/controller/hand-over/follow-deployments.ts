import type { Kubernetes } from '../../kubernetes/client.ts';
import { watch } from '../../kubernetes/watch.ts';

/** A Deployment, by name. */
export interface FollowedDeployment {
  readonly namespace: string;
  readonly name: string;
}

/** Watches Deployments that matter just now, so that what gate and Keel write is noticed at once. */
export class DeploymentFollower {
  readonly #client: Kubernetes;
  readonly #changed: () => void;
  readonly #signal: AbortSignal;
  readonly #followed = new Map<string, AbortController>();

  constructor(client: Kubernetes, changed: () => void, signal: AbortSignal) {
    this.#client = client;
    this.#changed = changed;
    this.#signal = signal;
  }

  /** Watches these from now on, and no others. */
  follow(deployments: readonly FollowedDeployment[]): void {
    const wanted = new Map(deployments.map((one) => [`${one.namespace}/${one.name}`, one]));
    for (const [key, stop] of this.#followed) {
      if (wanted.has(key)) continue;
      stop.abort();
      this.#followed.delete(key);
    }
    for (const [key, one] of wanted) if (!this.#followed.has(key)) this.#start(key, one);
  }

  #start(key: string, deployment: FollowedDeployment): void {
    const stop = new AbortController();
    this.#followed.set(key, stop);
    const signal = AbortSignal.any([stop.signal, this.#signal]);
    void this.#watch(deployment, signal)
      // It is watched again when it is asked for again; until then it is looked at now and then.
      .catch(() => this.#followed.get(key) === stop && this.#followed.delete(key));
  }

  async #watch(deployment: FollowedDeployment, signal: AbortSignal): Promise<void> {
    const watched = { apiVersion: 'apps/v1', kind: 'Deployment', ...deployment };
    // What is found at first may have changed since it was looked at.
    for await (const _ of watch(this.#client, watched, signal)) this.#changed();
  }
}

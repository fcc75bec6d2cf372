import { Chart } from 'cdk8s';
import type { Construct } from 'constructs';

/** Secrets of which several sources make a key each, by chart, namespace and name. */
export class SharedSecrets<T> {
  readonly #charts: WeakMap<Chart, Map<string, T>> = new WeakMap();

  /** The Secret of that name, made with the first key that is asked for. */
  of(scope: Construct, namespace: string | undefined, name: string, make: () => T): T {
    const chart = Chart.of(scope);
    const secrets = this.#charts.get(chart) ?? new Map<string, T>();
    this.#charts.set(chart, secrets);
    const id = `${namespace ?? chart.namespace ?? ''}/${name}`;
    const secret = secrets.get(id) ?? make();
    secrets.set(id, secret);
    return secret;
  }
}

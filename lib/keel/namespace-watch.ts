import { type ApiObject, Duration } from 'cdk8s';
import type { EnvVar } from 'kubernetes-types/core/v1.d.ts';
import { isDeferred } from '../kubernetes/deferred.ts';
import { hidden, type Problem } from '../kubernetes/problem.ts';
import type { Subject } from '../kubernetes/rbac.ts';
import { trustOf } from './certificate-authorities.ts';
import type { WatchRequest } from './keel-reference.ts';
import type { KeelWebhook } from './keel-webhook.ts';

/** What is asked of the Keel of one namespace, and what follows for its pod; read at synthesis. */
export class NamespaceWatch {
  /** The watched namespace. */
  readonly namespace: string;
  /** What the ids of its constructs end in: not the namespace, where nobody knows that yet. */
  readonly id: string;
  /** As whom this Keel acts. */
  readonly account: Subject;
  readonly requests: WatchRequest[] = [];
  /** What lets webhooks through; undefined where it polls only. */
  webhook: KeelWebhook | undefined;
  /** The ConfigMap with private authorities; undefined where there are none. */
  certificates: ApiObject | undefined;

  /** @param index its place among those of one Keel */
  constructor(namespace: string, account: Subject, index: number = 0) {
    this.namespace = namespace;
    this.id = isDeferred(namespace) ? String(index) : namespace;
    this.account = account;
  }

  /** Whether a registry speaks plain http, for which Keel has one switch. */
  get insecure(): boolean {
    return this.requests.some(({ registry }) => registry?.insecure);
  }

  /** The private authorities, each once. */
  get authorities(): string[] {
    const all = this.requests.flatMap(({ registry }) => registry?.certificateAuthority ?? []);
    return [...new Set(all.filter((text) => typeof text === 'string'))];
  }

  /** Volume, mount and variable for the private authorities. */
  get trust(): ReturnType<typeof trustOf> {
    return trustOf(this.certificatesName, this.authorities);
  }

  /** Keel has one switch for plain http and for not checking certificates. */
  get unusedAuthority(): Problem | undefined {
    if (!this.insecure) return undefined;
    return {
      property: 'registry.certificateAuthority',
      value: hidden,
      message: `is not used in ${this.namespace}: another registry speaks plain http there, and then Keel checks no certificate`,
      remedy: 'watch the two registries in two namespaces',
    };
  }

  /** The name of the ConfigMap with private authorities. */
  get certificatesName(): string {
    return `${this.account.serviceAccountName}-certificates`;
  }

  /** Keel's variables. */
  environment(pollInterval: Duration = Duration.minutes(1)): EnvVar[] {
    const seconds = pollInterval.toSeconds({ integral: false });
    const polls = this.requests.some(({ trigger }) => trigger?.polls ?? true);
    return [
      { name: 'RESTRICTED_NAMESPACE', value: this.namespace },
      { name: 'POLL', value: String(polls) },
      { name: 'POLL_DEFAULTSCHEDULE', value: `@every ${seconds}s` },
      { name: 'HELM3_PROVIDER', value: 'false' },
      { name: 'NOTIFICATION_LEVEL', value: 'info' },
      { name: 'XDG_DATA_HOME', value: '/data' },
      ...(this.insecure ? [{ name: 'INSECURE_REGISTRY', value: 'true' }] : []),
      ...this.trust.env,
      ...(this.webhook?.environment() ?? []),
    ];
  }
}

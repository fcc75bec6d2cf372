import type { Duration } from 'cdk8s';
import type { ImageName } from '../image/image-name.ts';
import { durationProblems } from '../kubernetes/durations.ts';
import type { Problem } from '../kubernetes/problem.ts';
import { endpointProblems, senderProblems, type WebhookEndpoint } from './webhook-endpoint.ts';

/** Options of a trigger by webhook. */
export interface WebhookOptions {
  /**
   * How often Keel also polls, for what a webhook was lost or came while a build was held back. Long intervals
   * will do.
   * @default - Keel does not poll
   */
  readonly poll?: Duration;
}

/**
 * How Keel hears of a new image.
 *
 * A webhook is quicker than polling and spares the registry, but one that is lost is not sent again: Keel was
 * down, or a build of the same Deployment was just running. The controller compares what runs with the
 * registry and starts what was missed; `poll` has Keel do so itself.
 *
 * @see https://keel.sh/docs/#triggers
 * @example
 * KeelTrigger.webhook({
 *   from: 'quay',
 *   host: 'keel-my-project.example.com',
 *   tlsSecretName: 'keel-my-project-tls',
 *   ingressController: { namespace: 'ingress' },
 *   credentials: {
 *     user: SecretSource.existing('quay-webhook', 'user'),
 *     password: SecretSource.existing('quay-webhook', 'password'),
 *   },
 * });
 */
export class KeelTrigger {
  /**
   * Keel asks the registry.
   *
   * @param interval how often, from 2 seconds to a day; Keel's own interval unless given
   */
  static poll(interval?: Duration): KeelTrigger {
    return new KeelTrigger(true, interval, undefined);
  }

  /**
   * The registry tells Keel, through an Ingress that this program makes.
   *
   * @param endpoint who tells it, and how it gets through; see {@link WebhookEndpoint}
   */
  static webhook(endpoint: WebhookEndpoint & WebhookOptions): KeelTrigger {
    // A JavaScript program may pass nothing; what is missing is reported at synthesis.
    return new KeelTrigger(endpoint?.poll !== undefined, endpoint?.poll, endpoint ?? {});
  }

  /**
   * The registry tells a Keel that another program installed, through what is set up for it there: by its Helm
   * chart, or by `namespaces` among the props of `Keel`.
   */
  static existingWebhook(options: WebhookOptions = {}): KeelTrigger {
    return new KeelTrigger(options?.poll !== undefined, options?.poll, undefined);
  }

  /** Whether Keel asks the registry. */
  readonly polls: boolean;
  /** How often it does; undefined for Keel's own interval, or where it does not. */
  readonly interval: Duration | undefined;
  /** Where the registry tells Keel; undefined where it does not, or by something of another program. */
  readonly endpoint: WebhookEndpoint | undefined;

  private constructor(polls: boolean, interval: Duration | undefined, endpoint: WebhookEndpoint | undefined) {
    this.polls = polls;
    this.interval = interval;
    this.endpoint = endpoint;
  }

  /** The labels of a build's Deployment that say so to Keel. It polls for no Deployment without this one. */
  get labels(): Readonly<Record<string, string>> {
    return this.polls ? { 'keel.sh/trigger': 'poll' } : {};
  }

  /** The annotations of a build's Deployment that say so to Keel. */
  get annotations(): Readonly<Record<string, string>> {
    const seconds = this.interval?.toSeconds({ integral: false });
    return seconds === undefined ? {} : { 'keel.sh/pollSchedule': `@every ${seconds}s` };
  }

  /**
   * What is wrong with it.
   *
   * @param property how the caller spells the trigger
   * @param image the image that is to be watched, where it is known
   */
  problems(property: string, image?: ImageName): Problem[] {
    const interval = this.endpoint === undefined ? 'interval' : 'poll';
    return [
      ...durationProblems(`${property}.${interval}`, this.interval, 2, 86_400),
      ...(this.endpoint === undefined ? [] : endpointProblems(property, this.endpoint)),
      ...(this.endpoint === undefined || image === undefined
        ? []
        : senderProblems(property, this.endpoint, image)),
    ];
  }
}

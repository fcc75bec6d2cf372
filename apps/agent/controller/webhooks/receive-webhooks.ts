import { createServer, type IncomingMessage, type Server } from 'node:http';
import { Counter, type Registry } from 'prom-client';
import { WEBHOOKS_PATH } from '../../../../lib/agent/configuration.ts';
import { isDnsLabel } from '../../../../lib/kubernetes/names.ts';
import type { Log } from '../../observe/log.ts';
import type { KnownWebhook } from './known-webhooks.ts';
import { Notifications, type Notify } from './notifications.ts';
import { pushOf } from './push.ts';
import { readBody } from './read-body.ts';
import { isProven, proofOf } from './signature.ts';

/** What the receiver works with. */
export interface WebhooksOptions {
  readonly port: number;
  /**
   * The webhook of the pipeline in a namespace. It has to answer from memory: by how long it takes, a stranger could
   * tell which namespaces there are.
   */
  readonly find: (namespace: string) => Promise<KnownWebhook | undefined>;
  /** Called at most once a second for a namespace. */
  readonly notify: Notify;
  readonly log: Log;
  readonly metrics: Registry;
}

/** Longer deliveries are refused; the next poll finds what they tell of. */
const MAX_BODY = 1 << 20;
const MAX_CONNECTIONS = 64;
const TIME_LIMIT_MS = 10_000;
/** How often it is logged that the deliveries for one pipeline are refused. */
const QUIET_MS = 60_000;

const METRIC = 'keelson_webhook_deliveries_total';

interface Receiver extends Pick<WebhooksOptions, 'find' | 'log'> {
  readonly notifications: Notifications;
  readonly refusals: Map<string, number>;
}

/**
 * Listens to the webhooks of git servers, at `/webhooks/NAMESPACE`. 202 answers a push, 204 any other event, and 401
 * whoever does not know the secret, also where there is no such pipeline. No answer has anything of the request in it.
 *
 * A webhook only shortens the wait for the next poll: one that is lost, forged or repeated does no more than that.
 */
export async function startWebhooks(options: WebhooksOptions): Promise<Server> {
  const { port, find, notify, log, metrics } = options;
  const deliveries =
    (metrics.getSingleMetric(METRIC) as Counter<'code'> | undefined) ??
    new Counter({
      name: METRIC,
      help: 'Deliveries of webhooks, by how they were answered: 202 is a push, 204 any other event.',
      labelNames: ['code'],
      registers: [metrics],
    });
  const notifications = new Notifications(notify);
  const receiver: Receiver = { find, log, notifications, refusals: new Map() };
  const limits = { requestTimeout: TIME_LIMIT_MS, headersTimeout: TIME_LIMIT_MS / 2 };
  const server = createServer({ ...limits, connectionsCheckingInterval: 1000 }, (request, response) => {
    receive(request, receiver).then(
      (status) => {
        deliveries.inc({ code: status });
        response.writeHead(status, { 'content-length': 0, ...(status === 405 && { allow: 'POST' }) }).end();
        // What is left of a body is read and dropped, within the time limit.
        request.resume();
      },
      // Whoever breaks off gets no answer.
      () => request.destroy(),
    );
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.on('close', () => notifications.stop());
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, () => resolve(server));
  });
}

/** The status that answers a request. */
async function receive(request: IncomingMessage, receiver: Receiver): Promise<number> {
  const namespace = namespaceOf(request.url ?? '');
  if (namespace === undefined) return 404;
  if (request.method !== 'POST') return 405;
  const { 'content-type': type = '', 'content-encoding': encoding } = request.headers;
  if (!/^application\/json *(;|$)/i.test(type) || encoding !== undefined) return 415;
  const proof = proofOf(request.headers);
  if (proof === undefined) return 401;
  const body = await readBody(request, MAX_BODY);
  if (body === undefined) return 413;
  const webhook = await known(namespace, receiver);
  if (!isProven(proof, body, webhook?.secret)) {
    if (webhook !== undefined) tellOfRefusal(namespace, receiver);
    return 401;
  }
  const push = pushOf(request.headers, body);
  if (push === undefined) return 204;
  receiver.log.info({ namespace, repository: webhook?.url }, 'told of a push');
  receiver.notifications.push(namespace, push);
  return 202;
}

function namespaceOf(url: string): string | undefined {
  const [path = ''] = url.split('?', 1);
  const namespace = path.startsWith(WEBHOOKS_PATH) ? path.slice(WEBHOOKS_PATH.length) : '';
  return isDnsLabel(namespace) ? namespace : undefined;
}

/** An error is answered as an unknown namespace is, which it would tell from a known one. */
function known(namespace: string, { find, log }: Receiver): Promise<KnownWebhook | undefined> {
  return find(namespace).catch((error: unknown) => {
    log.error({ error, namespace }, 'the secret of a webhook was not found');
    return undefined;
  });
}

/** Only of namespaces that have a webhook: who names others could fill the log. */
function tellOfRefusal(namespace: string, { log, refusals }: Receiver): void {
  const now = Date.now();
  if (now - (refusals.get(namespace) ?? 0) < QUIET_MS) return;
  refusals.set(namespace, now);
  log.warn(
    { namespace },
    'a webhook was refused: its signature or token does not match; give the git server the secret that source.webhook names',
  );
}

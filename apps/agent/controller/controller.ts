import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { options, parseDocument } from '../configuration.ts';
import { AddressPolicy } from '../git/address-policy.ts';
import { GitHttp } from '../git/refs-http.ts';
import { Kubernetes } from '../kubernetes/client.ts';
import { Events } from '../kubernetes/events.ts';
import { leadWhenElected } from '../kubernetes/leader.ts';
import { LeaseObserver } from '../kubernetes/lease-observer.ts';
import { createMetrics } from '../observe/metrics.ts';
import { serveHealth } from '../observe/serve-health.ts';
import { type Program, UsageError, variable } from '../program.ts';
import { type ControllerContext, FIELD_MANAGER } from './context.ts';
import { Leadership } from './lead.ts';
import { controllerMetrics } from './metrics.ts';

const PORT = 8080;
/** The ServiceAccount that the library makes for it. */
const ACCOUNT = 'keelson-controller';

/** The program that acts for a whole platform: it watches git, builds images, repairs, releases and cleans up. */
export const controller: Program = async (args, { environment, log, signal }) => {
  const given = options(args, {
    config: { type: 'string' },
    port: { type: 'string', default: String(PORT) },
    // Addresses that git servers may have although they are forbidden otherwise, such as 127.0.0.1 on a laptop.
    'allow-address': { type: 'string', multiple: true, default: [] },
    // For how long a listener's namespace may be there that nobody waits for.
    'orphan-seconds': { type: 'string' },
  });
  const configuration = parseDocument('Controller', await readText(given['config']));
  const namespace = variable(environment, 'POD_NAMESPACE');
  const registry = createMetrics();
  const client = Kubernetes.default();
  const context: ControllerContext = {
    client,
    configuration,
    events: new Events(client, 'keelson-controller', log),
    log,
    metrics: controllerMetrics(registry),
    leases: new LeaseObserver(),
    account: { name: ACCOUNT, namespace },
    ...(given['orphan-seconds'] !== undefined && { orphanSeconds: Number(given['orphan-seconds']) }),
  };
  const health = await serveHealth(Number(given['port']), {
    unhealthy: () => undefined,
    unready: () => (signal.aborted ? 'it is stopping' : undefined),
    metrics: registry,
  });
  const allow = given['allow-address'] as string[];
  // No git server has the address of the API server, which pods may connect to.
  const { KUBERNETES_SERVICE_HOST: api } = environment;
  const deny = api !== undefined && isIP(api) !== 0 ? [api] : [];
  const http = new GitHttp({ addresses: new AddressPolicy({ allow, deny }) });
  const election = {
    lease: { namespace, name: configuration.lease },
    identity: variable(environment, 'POD_NAME'),
    fieldManager: FIELD_MANAGER,
    log,
    signal,
  };
  await leadWhenElected(client, election, (leading) => {
    // Who has lost the Lease writes nothing any more.
    const bound = client.until(leading);
    const events = new Events(bound, 'keelson-controller', log);
    return new Leadership({ ...context, client: bound, events }, http, registry, leading).run();
  });
  health.close();
  return 0;
};

async function readText(file: unknown): Promise<string> {
  if (typeof file !== 'string') throw new UsageError('the argument --config=FILE is missing');
  return readFile(file, 'utf8').catch((error: unknown) => {
    throw new UsageError(`the configuration ${file} can't be read: ${(error as Error).message}`);
  });
}

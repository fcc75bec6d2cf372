import { KubeConfig } from '@kubernetes/client-node';
import { Registry } from 'prom-client';
import type { ControllerContext } from '../../apps/agent/controller/context.ts';
import { controllerMetrics } from '../../apps/agent/controller/metrics.ts';
import { Kubernetes } from '../../apps/agent/kubernetes/client.ts';
import { Connection } from '../../apps/agent/kubernetes/connection.ts';
import { Events } from '../../apps/agent/kubernetes/events.ts';
import { LeaseObserver } from '../../apps/agent/kubernetes/lease-observer.ts';
import { createLog } from '../../apps/agent/observe/log.ts';
import type { Identity } from './api.ts';

/** What parts of the controller are given in a test, and what they have logged. */
export interface TestContext extends ControllerContext {
  readonly logged: readonly string[];
}

/** The agent's client; acting as somebody, the API server checks that identity's rights. */
export function agentClient(kubeconfig: string, as?: Identity, signal?: AbortSignal): Kubernetes {
  const config = new KubeConfig();
  config.loadFromFile(kubeconfig);
  if (as !== undefined) config.users = config.users.map((user) => ({ ...user, impersonateUser: as.user }));
  return new Kubernetes(new Connection(config), signal);
}

/** What the controller works with, acting as somebody. */
export function agentContext(kubeconfig: string, as: Identity, signal?: AbortSignal): TestContext {
  const logged: string[] = [];
  const log = createLog('test', { write: (line) => logged.push(line) });
  const client = agentClient(kubeconfig, as, signal);
  return {
    client,
    logged,
    log,
    events: new Events(client, 'keelson-controller', log),
    metrics: controllerMetrics(new Registry()),
    leases: new LeaseObserver(),
    account: { name: 'keelson-controller', namespace: 'keelson-system' },
    configuration: {
      apiVersion: 'agent.keelson.dev/v1alpha1',
      kind: 'Controller',
      platform: 'test',
      lease: 'keelson-controller',
      commitNamespaceRole: 'keelson-test-commit-namespace',
      maxConcurrentBuilds: 4,
      retention: { succeededSeconds: 3600, failedSeconds: 259_200, maxPerPipeline: 10 },
    },
  };
}

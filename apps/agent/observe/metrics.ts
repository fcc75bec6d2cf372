import { collectDefaultMetrics, Registry } from 'prom-client';

/** A registry of metrics with those of the process. Each program has one, and adds its own. */
export function createMetrics(): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, prefix: 'keelson_' });
  return registry;
}

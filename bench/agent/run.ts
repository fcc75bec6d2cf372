/**
 * What the agent costs, and how long it takes: `npm run bench:agent`. It starts a real API server of its own; `--quick`
 * does a little of everything, and `--docs` puts the figures into docs/performance.md.
 */
import { parseArgs } from 'node:util';
import { startApi } from '../../test/cluster/cluster.ts';
import { writeDocs } from '../docs.ts';
import { measureDeliveries } from './deliveries.ts';
import { measureGate } from './gate.ts';
import { measurePolls } from './polls.ts';
import { rows } from './rows.ts';

const { quick, docs } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, docs: { type: 'boolean', default: false } },
}).values;

const cluster = await startApi();
try {
  const { kubeconfig } = cluster.controlPlane;
  const deliveries = await measureDeliveries(kubeconfig, quick ? 3 : 50);
  const gate = await measureGate(kubeconfig, quick ? 2 : 20);
  const polls = await measurePolls(kubeconfig, quick ? 50 : 1000, quick ? 65 : 300);
  const figures = rows({ deliveries, gate, polls });
  process.stdout.write(`${figures}\n`);
  if (docs) writeDocs('bench:agent', figures);
} finally {
  await cluster.stop();
}
process.exit();

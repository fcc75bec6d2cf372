import type { BuildConfiguration } from '../../../../lib/agent/configuration.ts';
import type { ControllerContext } from '../context.ts';
import type { Ledger } from '../ledger.ts';
import { type Repaired, repairPipeline } from '../repair/repair-pipeline.ts';
import { listenerNamespaces } from './listener-namespaces.ts';

/**
 * Puts in order what is not in the namespaces of listeners, as it is done at home.
 *
 * @returns in how many milliseconds it is worth to look again; undefined where nothing is going on
 */
export async function repairListeners(
  context: ControllerContext,
  home: string,
  builds: readonly BuildConfiguration[],
  ledger: Ledger,
  told: Repaired['told'],
): Promise<number | undefined> {
  const times: number[] = [];
  const failures: unknown[] = [];
  for (const build of builds) {
    for (const namespace of await listenerNamespaces(context, home, build)) {
      try {
        const next = await repairPipeline(context, { namespace, builds: [build], jobs: [], ledger, told });
        if (next !== undefined) times.push(next);
      } catch (error) {
        // One that is being deleted must not keep the others from being put in order.
        failures.push(error);
      }
    }
  }
  if (failures.length > 0) throw failures[0];
  return times.length > 0 ? Math.min(...times) : undefined;
}

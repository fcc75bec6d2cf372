import { kubernetesBinaries, kubernetesVersion } from './binaries.ts';
import { command } from './command.ts';

/** Runs kubectl with the given kubeconfig and returns its standard output. */
export async function kubectl(kubeconfig: string, ...args: readonly string[]): Promise<string> {
  const binaries = await kubernetesBinaries(await kubernetesVersion(), ['kubectl']);
  return command(binaries.kubectl, ['--kubeconfig', kubeconfig, ...args]);
}

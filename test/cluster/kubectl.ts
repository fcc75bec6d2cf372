import { kubernetesBinaries, kubernetesVersion } from './binaries.ts';
import { command } from './command.ts';

/** Where the kubectl of the cluster's version is. */
export async function kubectlPath(): Promise<string> {
  return (await kubernetesBinaries(await kubernetesVersion(), ['kubectl'])).kubectl;
}

/** Runs kubectl with the given kubeconfig and returns its standard output. */
export async function kubectl(kubeconfig: string, ...args: readonly string[]): Promise<string> {
  return command(await kubectlPath(), ['--kubeconfig', kubeconfig, ...args]);
}

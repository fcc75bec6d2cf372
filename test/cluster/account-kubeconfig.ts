import { Api } from './api.ts';
import { readKubeconfig, writeKubeconfig } from './kubeconfig.ts';

/** Writes a kubeconfig of a ServiceAccount, with a token that the API server gives it: it has that account's rights. */
export async function accountKubeconfig(
  kubeconfig: string,
  account: { readonly namespace: string; readonly name: string },
  path: string,
): Promise<string> {
  const api = await Api.connect(kubeconfig);
  const request = {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: { expirationSeconds: 7200 },
  };
  const { body, status } = await api.request<{ status: { token: string } }>(
    'POST',
    `/api/v1/namespaces/${account.namespace}/serviceaccounts/${account.name}/token`,
    request,
  );
  if (status >= 300) throw new Error(`no token for ${account.namespace}/${account.name}: ${status}`);
  const { server, ca = '' } = await readKubeconfig(kubeconfig);
  return writeKubeconfig(path, { server, ca, token: body.status.token });
}

import type { ApiObject } from 'cdk8s';
import type { Construct } from 'constructs';
import type { ServiceAccount, Volume, VolumeMount } from 'kubernetes-types/core/v1.d.ts';
import { kubeObject } from './object.ts';

/** A ServiceAccount of which no pod gets a token unless it mounts one on purpose. */
export function serviceAccount(scope: Construct, id: string, name: string, namespace?: string): ApiObject {
  return kubeObject<ServiceAccount>(scope, id, {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name, ...(namespace !== undefined && { namespace }) },
    automountServiceAccountToken: false,
  });
}

const TOKEN_VOLUME = 'api-token';

/**
 * The pod's API token with what belongs to it, as a volume that is mounted into one container only. It
 * has the same files, at the same place, as the volume that Kubernetes mounts into every container.
 */
export function apiTokenVolume(): Volume {
  return {
    name: TOKEN_VOLUME,
    projected: {
      // The kubelet asks for owner and group of the pod; 0440 keeps other users out.
      defaultMode: 0o440,
      sources: [
        { serviceAccountToken: { path: 'token', expirationSeconds: 3607 } },
        { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
        { downwardAPI: { items: [{ path: 'namespace', fieldRef: { fieldPath: 'metadata.namespace' } }] } },
      ],
    },
  };
}

/** Mounts {@link apiTokenVolume} where Kubernetes clients look for it. */
export function apiTokenMount(): VolumeMount {
  return { name: TOKEN_VOLUME, mountPath: '/var/run/secrets/kubernetes.io/serviceaccount', readOnly: true };
}

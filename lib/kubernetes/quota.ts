import { isQualifiedName } from './names.ts';
import { formatProblem } from './problem.ts';
import { parseQuantity } from './resources.ts';

/** Numbers of objects. */
const COUNTS: ReadonlySet<string> = new Set([
  'pods',
  'services',
  'services.nodeports',
  'services.loadbalancers',
  'replicationcontrollers',
  'resourcequotas',
  'secrets',
  'configmaps',
  'persistentvolumeclaims',
]);
const AMOUNT =
  /^((requests\.|limits\.)?(cpu|memory|ephemeral-storage)|requests\.storage|(requests\.)?hugepages-.+)$/;

/**
 * What is wrong with the hard limits of a ResourceQuota.
 *
 * @see https://github.com/kubernetes/kubernetes/blob/v1.34.0/pkg/apis/core/helper/helpers.go
 */
export function quotaProblems(quota: Readonly<Record<string, string>>): string[] {
  return Object.entries(quota).flatMap(([name, value]) => [
    ...(isResource(name)
      ? []
      : [
          formatProblem({
            property: 'quota',
            value: name,
            message: 'is not a resource that a quota can limit',
            remedy: 'give one that Kubernetes names, such as limits.memory or count/pods',
          }),
        ]),
    ...valueProblems(name, value),
  ]);
}

function isResource(name: string): boolean {
  if (!isQualifiedName(name)) return false;
  return name.includes('/') || COUNTS.has(name) || AMOUNT.test(name);
}

function valueProblems(name: string, value: string): string[] {
  const amount = parseQuantity(value) ?? -1;
  const property = `quota.${name}`;
  if (amount < 0) {
    const remedy = 'give a number with a unit, such as 32Gi';
    return [formatProblem({ property, value, message: 'is not a quantity', remedy })];
  }
  if (Number.isInteger(amount) || !isCounted(name)) return [];
  const remedy = 'give how many there may be';
  return [formatProblem({ property, value, message: 'is not a whole number', remedy })];
}

/** Objects are counted, and devices under their own names. */
function isCounted(name: string): boolean {
  if (COUNTS.has(name)) return true;
  return name.includes('/') && !name.includes('kubernetes.io/') && !name.startsWith('requests.');
}

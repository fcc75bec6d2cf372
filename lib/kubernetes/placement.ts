import type { Toleration } from 'kubernetes-types/core/v1.d.ts';
import { isLabelValue, isQualifiedName } from './names.ts';
import type { Problem } from './problem.ts';

/** Labels that a node must have. */
export type NodeSelector = Readonly<Record<string, string>>;

/** The nodes that a pod goes to. */
export interface Placement {
  readonly nodeSelector?: NodeSelector;
  readonly tolerations?: readonly Toleration[];
}

const OPERATORS: readonly unknown[] = [undefined, 'Exists', 'Equal'];
const EFFECTS: readonly unknown[] = [undefined, 'NoSchedule', 'PreferNoSchedule', 'NoExecute'];

/** What is wrong with a node selector, or with tolerations. */
export function placementProblems({ nodeSelector = {}, tolerations = [] }: Placement): Problem[] {
  const problems: Problem[] = [];
  if (!isMap(nodeSelector)) {
    const remedy = "give labels by their keys, such as { 'nvidia.com/gpu.present': 'true' }";
    problems.push({ property: 'nodeSelector', value: nodeSelector, message: 'is no set of labels', remedy });
  } else problems.push(...Object.entries(nodeSelector).flatMap(([key, value]) => labelProblems(key, value)));
  if (!Array.isArray(tolerations)) {
    const remedy = "give a list, such as [{ key: 'nvidia.com/gpu', operator: 'Exists' }]";
    return [
      ...problems,
      { property: 'tolerations', value: tolerations, message: 'is no list of tolerations', remedy },
    ];
  }
  return [...problems, ...tolerations.flatMap((toleration, index) => tolerationProblems(index, toleration))];
}

/** Whether what is in a value may be looked at and shown: in an instance of a class it may be a secret. */
function isMap(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

function labelProblems(key: string, value: string): Problem[] {
  if (isQualifiedName(key) && typeof value === 'string' && isLabelValue(value)) return [];
  const message = 'is not a label that a node can have';
  const remedy =
    "give it as `kubectl get nodes --show-labels` shows it, such as { 'nvidia.com/gpu.present': 'true' }";
  return [{ property: `nodeSelector.${key}`, value, message, remedy }];
}

/** https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/ */
function tolerationProblems(index: number, toleration: Toleration): Problem[] {
  const problem = (field: string, value: unknown, message: string, remedy: string): Problem => ({
    property: `tolerations[${index}]${field}`,
    value,
    message,
    remedy,
  });
  if (toleration === null || typeof toleration !== 'object')
    return [
      problem('', toleration, 'is not a toleration', "give { key: 'nvidia.com/gpu', operator: 'Exists' }"),
    ];
  const { key, operator, value, effect } = toleration;
  const problems: Problem[] = [];
  if (!OPERATORS.includes(operator))
    problems.push(problem('.operator', operator, 'is not an operator', "use 'Exists' or 'Equal'"));
  if (!EFFECTS.includes(effect))
    problems.push(
      problem(
        '.effect',
        effect,
        'is not an effect',
        `use ${EFFECTS.slice(1).join(', ')}, or leave it out for all`,
      ),
    );
  if (key !== undefined && key !== '' && !(typeof key === 'string' && isQualifiedName(key)))
    problems.push(problem('.key', key, 'is not the key of a taint', "give one such as 'nvidia.com/gpu'"));
  if ((key === undefined || key === '') && operator !== 'Exists')
    problems.push(
      problem('.key', key, 'is missing', "give the taint's key, or operator: 'Exists' for all taints"),
    );
  if (operator === 'Exists' && value !== undefined && value !== '')
    problems.push(
      problem('.value', value, "is given beside operator 'Exists'", "leave it out, or use 'Equal'"),
    );
  return problems;
}

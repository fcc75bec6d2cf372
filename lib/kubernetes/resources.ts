import type { Size } from 'cdk8s';
import type { ContainerResources, Cpu } from 'cdk8s-plus-27';
import type { ResourceRequirements } from 'kubernetes-types/core/v1.d.ts';
import type { Problem } from './problem.ts';

export type { ContainerResources } from 'cdk8s-plus-27';

interface Range {
  readonly request?: Size | Cpu;
  readonly limit?: Size | Cpu;
}

const FIELDS = [
  ['cpu', 'cpu'],
  ['memory', 'memory'],
  ['ephemeralStorage', 'ephemeral-storage'],
] as const;

/**
 * A container's requests and limits. What `resources` leaves out is taken from `defaults`, field by
 * field, so that a container never goes without.
 */
export function resourceRequirements(
  resources: ContainerResources | undefined,
  defaults: ContainerResources,
): ResourceRequirements {
  const requests: Record<string, string> = {};
  const limits: Record<string, string> = {};
  for (const [field, name] of FIELDS) {
    const { request, limit } = merged(resources?.[field], defaults[field]);
    if (request !== undefined) requests[name] = quantity(request);
    if (limit !== undefined) limits[name] = quantity(limit);
  }
  return { requests, limits };
}

/** What is wrong with a container's resources: amounts that are no positive quantity, or a request over its limit. */
export function resourceProblems(property: string, resources: ContainerResources | undefined): Problem[] {
  const problems: Problem[] = [];
  for (const [field] of FIELDS) {
    const range: Range = resources?.[field] ?? {};
    const amounts: Partial<Record<'request' | 'limit', number>> = {};
    for (const end of ['request', 'limit'] as const) {
      const value = range[end];
      if (value === undefined) continue;
      const text = quantity(value);
      const amount = parseQuantity(text);
      if (amount === undefined || amount <= 0) {
        problems.push({
          property: `${property}.${field}.${end}`,
          value: text,
          message: 'is not a positive quantity',
          remedy:
            field === 'cpu'
              ? 'give Cpu.millis(500) or Cpu.units(2)'
              : 'give Size.mebibytes(512) or Size.gibibytes(4)',
        });
      } else amounts[end] = amount;
    }
    if (amounts.request !== undefined && amounts.limit !== undefined && amounts.request > amounts.limit) {
      problems.push({
        property: `${property}.${field}.request`,
        value: quantity(range.request as Size | Cpu),
        message: `is more than the limit ${quantity(range.limit as Size | Cpu)}`,
        remedy: 'raise the limit or lower the request',
      });
    }
  }
  return problems;
}

/** A Size or Cpu as Kubernetes writes it: `512Mi`, `500m`. */
export function quantity(value: Size | Cpu): string {
  return 'amount' in value && !('asString' in value) ? value.amount : (value as Size).asString();
}

const SUFFIX: Readonly<Record<string, number>> = {
  '': 1,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

/**
 * The number that a Kubernetes quantity stands for, or undefined where it is none.
 *
 * @see https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
 */
export function parseQuantity(text: string): number | undefined {
  const match =
    /^([+-]?[0-9]+(?:\.[0-9]*)?|[+-]?\.[0-9]+)(?:([eE][+-]?[0-9]+)|(m|[kMGTPE]|[KMGTPE]i)?)$/.exec(text);
  if (match === null) return undefined;
  const [, number = '', exponent, suffix = ''] = match;
  return exponent === undefined ? Number(number) * (SUFFIX[suffix] ?? Number.NaN) : Number(number + exponent);
}

function merged(given: Range | undefined, fallback: Range | undefined): Range {
  // A default gives way to what was given: a default limit to a higher request, a default request to a lower limit.
  const limit = given?.limit ?? atLeast(fallback?.limit, given?.request);
  const request = given?.request ?? atMost(fallback?.request, given?.limit);
  return { ...(request && { request }), ...(limit && { limit }) };
}

function atLeast(amount: Size | Cpu | undefined, least: Size | Cpu | undefined): Size | Cpu | undefined {
  return amount !== undefined && least !== undefined && amountOf(least) > amountOf(amount) ? least : amount;
}

function atMost(amount: Size | Cpu | undefined, most: Size | Cpu | undefined): Size | Cpu | undefined {
  return amount !== undefined && most !== undefined && amountOf(most) < amountOf(amount) ? most : amount;
}

function amountOf(value: Size | Cpu): number {
  return parseQuantity(quantity(value)) ?? Number.NaN;
}
